/** A head by its place; both count from 0. */
export interface HeadRef {
  readonly layer: number;
  readonly head: number;
}
