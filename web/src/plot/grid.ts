// Keyboard moves in a grid with a roving tab stop (WAI-ARIA grid pattern).

import type { HeadRef } from '../ground/head_ref';

export interface Cell {
  readonly row: number;
  readonly col: number;
}

/** The cell a key leads to, or null when the key is none of the grid's. `columns` gives each row's number of cells. */
export function move(cell: Cell, key: string, ctrl: boolean, columns: readonly number[]): Cell | null {
  const lastRow = columns.length - 1;
  const width = (row: number): number => columns[row] ?? 0;
  const at = (row: number, col: number): Cell => ({ row, col: Math.max(0, Math.min(col, width(row) - 1)) });
  switch (key) {
    case 'ArrowUp':
      return at(Math.max(cell.row - 1, 0), cell.col);
    case 'ArrowDown':
      return at(Math.min(cell.row + 1, lastRow), cell.col);
    case 'ArrowLeft':
      return at(cell.row, cell.col - 1);
    case 'ArrowRight':
      return at(cell.row, cell.col + 1);
    case 'Home':
      return at(ctrl ? 0 : cell.row, 0);
    case 'End':
      return at(ctrl ? lastRow : cell.row, width(ctrl ? lastRow : cell.row) - 1);
    case 'PageUp':
      return at(0, cell.col);
    case 'PageDown':
      return at(lastRow, cell.col);
    default:
      return null;
  }
}

/** The heads of the rectangle between two, as they stand on the screen: `rows` has each layer's heads from left to right. */
export function headsBetween(rows: readonly (readonly number[])[], from: HeadRef, to: HeadRef): HeadRef[] {
  const columns = [from, to].map(({ layer, head }) => rows[layer]!.indexOf(head)).sort((a, b) => a - b);
  const chosen: HeadRef[] = [];
  for (let layer = Math.min(from.layer, to.layer); layer <= Math.max(from.layer, to.layer); layer++) {
    for (const head of rows[layer]!.slice(columns[0]!, columns[1]! + 1)) chosen.push({ layer, head });
  }
  return chosen;
}
