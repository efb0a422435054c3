// What the Lab says: numbers with unit and n, what a receipt proves, and how a result is made again outside of the page.
import type { AccuracyChange, CurveLine, ImageTable, LabEntry, MaskReceipt, RunInfo } from '../io/wire';
import { headName } from '../ground/run';
import type { PrunedHead } from '../selection/prune_set';
import { count, number, percent, pointsOf } from '../ground/numbers';

export const pValue = (p: number): string => (p < 0.001 ? '< 0.001' : p.toFixed(p < 0.1 ? 3 : 2));

/** `78.8 % → 75.0 %`. */
export const accuracyWords = ({ before, after }: AccuracyChange): string => `${percent(before)} → ${percent(after)}`;

/** `95 % interval −14.5 to +6.8 pp · McNemar p = 0.73 · n = 52`. */
export const intervalWords = ({ low, high, p, n }: AccuracyChange): string =>
  `95 % interval ${pointsOf(low).replace(' pp', '')} to ${pointsOf(high)} · McNemar p ` +
  `${p < 0.001 ? pValue(p) : `= ${pValue(p)}`} · n = ${count(n)}`;

/** What is pruned: `L9·H3 [cp+pc]`. */
export const prunedName = (head: PrunedHead): string =>
  headName(head) + (head.mode === 'head' ? '' : ` [${head.mode}]`);

export const setName = (set: readonly PrunedHead[]): string =>
  set.length <= 3 ? set.map(prunedName).join(', ') : `${set.length} heads`;

const ROUNDING = 1e-5;

export interface ReceiptWords {
  /** Everything that was to be pruned was, and nothing else. */
  readonly ok: boolean;
  readonly short: string;
  readonly lines: readonly string[];
}

/** What a receipt proves, in a line and in sentences. */
export function receiptWords(receipt: MaskReceipt, fill: string): ReceiptWords {
  const { masked, rest, output, first, unchanged } = receipt;
  const layers =
    unchanged === 0 ? 'layer 0 is pruned' : unchanged === 1 ? 'layer 0 same' : `layers 0–${unchanged - 1} same`;
  const replaced = masked === null;
  const ok = (replaced || masked <= ROUNDING) && (rest ?? 0) <= ROUNDING && output <= 1e-3 && unchanged >= first;
  const mask = replaced
    ? `These heads’ outputs are those of other images (fill ${fill}), largest difference ${number(output)} of the ` +
      'largest output: their own attention plays no part.'
    : `Largest weight left where the attention is pruned: ${number(masked)}. Largest change of the other weights ` +
      `beyond what fill ${fill} does: ${number(rest)}.`;
  return {
    ok,
    short: `${replaced ? 'outputs replaced' : `masked max = ${number(masked)}`} · ${layers}`,
    lines: [
      mask,
      ...(replaced
        ? []
        : [
            `What went on through the model is the pruned attention times the values, to ${number(output)} of the largest output.`,
          ]),
      unchanged > 0
        ? `Tokens after ${unchanged === 1 ? 'layer 0' : `each of layers 0 to ${unchanged - 1}`} are bitwise those ` +
          `of the intact model (first pruned layer: ${first}).`
        : 'The first layer is pruned, so no layer before it is left to compare.',
      'Measured on this image, in two passes.',
    ],
  };
}

/** A line of the curves at a size. */
export function curveWords(line: CurveLine, at: number, size: number, by: 'accuracy' | 'moved', unit: string): string {
  const n = line.n[at] ?? 0;
  if (by === 'moved')
    return `${line.name}, ${size} heads pruned: ${number(line.moved[at])}${unit && ` ${unit}`} · n = ${count(n)}`;
  return (
    `${line.name}, ${size} heads pruned: accuracy ${percent(line.accuracy[at])} (change ` +
    `${pointsOf(line.low[at]).replace(' pp', '')} to ${pointsOf(line.high[at])}, 95 %) · n = ${count(n)}`
  );
}

/** A kept run in its list. */
export function entryWords(entry: LabEntry): string {
  const what = entry.kind === 'curve' ? 'curves' : entry.change === null ? 'no accuracy' : pointsOf(entry.change);
  return `${what} · n = ${count(entry.n)}`;
}

/** `24 Nov, 14:32`. */
export function when(created: string, now: Date = new Date()): string {
  const date = new Date(created);
  if (Number.isNaN(date.getTime())) return created;
  const time = date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  return date.toDateString() === now.toDateString()
    ? time
    : `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })}, ${time}`;
}

const text = (value: string): string => JSON.stringify(value);
const MOST_ROWS = 400;

/** Python that makes the same numbers with `vitscope.prune`. */
export function pythonCode(
  run: RunInfo,
  folder: string,
  set: readonly PrunedHead[],
  fill: string,
  rows: readonly number[] | null,
): string {
  const labels = run.model.readout === 'labels';
  const heads = set.map(({ layer, head, mode }) => `(${layer}, ${head}): ${text(mode)}`);
  const listed =
    rows === null
      ? 'run.images.query("done and problem.isna()", engine="python").index.tolist()'
      : `[${rows.join(', ')}]`;
  const lines = [
    '"""What if these heads were pruned: accuracy before and after."""',
    '',
    'import torch',
    '',
    'import vitscope',
    ...(labels ? ['from vitscope.measures.effects.answers import predictions'] : []),
    'from vitscope.models.pictures.images import read_picture',
    'from vitscope.analysis.statistics.paired import paired',
    '',
    `run = vitscope.open_run(${text(folder)})`,
    'info = run.manifest.model',
    run.capabilities.liveCommand === null
      ? 'model = vitscope.wrap(module)  # the module that the run was made with, wrapped in the same way'
      : 'model = vitscope.load_model(info.id, info.weights, classes=info.classes, dtype=info.dtype, ' +
        `${labels ? 'multi_label=True, ' : ''}**info.options.said())`,
    `heads = {${heads.length > 4 ? `\n    ${heads.join(',\n    ')},\n` : heads.join(', ')}}`,
    rows && rows.length > MOST_ROWS
      ? `rows = [${rows.slice(0, MOST_ROWS).join(', ')}]  # the first ${MOST_ROWS} of ${rows.length}`
      : `rows = ${listed}`,
    '',
    '',
    'def pixels_of(images):',
    '    how = {"channels": model.input_size[0], "picture_range": run.manifest.options.picture_range}',
    '    return torch.stack([model.preprocess(read_picture(run.original(row), **how).image) for row in images])',
    '',
    '',
    'images = run.images.loc[rows]',
    ...referenceLines(fill),
    'after = torch.cat([vitscope.prune(model, pixels_of(rows[i : i + 16]), heads, ' +
      `fill=${text(fill)}${fill === 'mean' ? ', references=references' : ''}) for i in range(0, len(rows), 16)])`,
  ];
  if (run.model.nClasses === null)
    return [
      ...lines,
      `print(after.shape)  # ${run.model.readout === 'values' ? 'values of the readout' : 'pooled features'}: there are no classes`,
      '',
    ].join('\n');
  return [
    ...lines,
    'labelled = (images["label"] >= 0).to_numpy()',
    'label = images["label"].to_numpy()[labelled]',
    'print(paired(images["prediction"].to_numpy()[labelled] == label, ' +
      `${labels ? 'predictions(after, model.readout)' : 'after.argmax(-1)'}.numpy()[labelled] == label))`,
    '',
  ].join('\n');
}

function referenceLines(fill: string): string[] {
  if (fill === 'mean')
    return [
      'from vitscope.pipeline.work.reference_images import reference_rows',
      '',
      'references = pixels_of(reference_rows(run.manifest))',
    ];
  if (fill === 'resample')
    return ['# The page pairs images along a cycle through the whole run; here each batch is paired within itself.'];
  return [];
}

/** Why there is no command that takes the heads out for good; empty where there is. */
export function noPruneCommand(start: string | null, set: readonly PrunedHead[], fill: string): string {
  if (start === null) return 'The run was made in Python: take heads out there, with vitscope.without_heads';
  if (!set.length) return 'Prune a head first';
  return pruneCommand(start, set, fill) ? '' : 'Only whole heads, fill zero, can be taken out of the model';
}

/** The command that takes the heads out for good; null where not all of them are pruned whole, with zeros. */
export function pruneCommand(start: string | null, set: readonly PrunedHead[], fill: string): string | null {
  if (start === null || !set.length || fill !== 'zero' || set.some(({ mode }) => mode !== 'head')) return null;
  const heads = [...set]
    .sort((a, b) => a.layer - b.layer || a.head - b.head)
    .map(({ layer, head }) => `L${layer}.H${head}`);
  return `${start} --heads ${heads.join(',')} --save smaller`;
}

/** The mask as a file: by layer, 1 = the head stays, 0 = it is pruned; and the heads with their modes. */
export function maskDocument(run: RunInfo, set: readonly PrunedHead[], fill: string): string {
  const mask = run.model.nHeads.map((many, layer) =>
    Array.from({ length: many }, (_, head) =>
      set.some((one) => one.layer === layer && one.head === head && one.mode === 'head') ? 0 : 1,
    ),
  );
  const heads = set.map(({ layer, head, mode }) => ({ layer, head, mode }));
  return `${JSON.stringify({ model: run.model.id, run: run.runId, vitscope: run.vitscope, fill, heads, mask }, null, 1)}\n`;
}

/** The classes of an image's table that got more, or less, probable. */
export function verdict(
  label: number,
  before: number,
  after: number,
): '' | 'now right' | 'now wrong' | 'still wrong' | 'still right' {
  if (label < 0 || before < 0) return '';
  if (after === label) return before === label ? 'still right' : 'now right';
  return before === label ? 'now wrong' : 'still wrong';
}

/** A name for a class's bar where synonyms would not fit. */
export const classShort = (images: ImageTable, number: number, name: string): string =>
  (images.classNames[String(number)] ?? name).split(',')[0]!;

/** A failure and what to do, as two sentences. */
export const failureWords = ({ message, hint }: { message: string; hint: string }): string =>
  [message.charAt(0).toUpperCase() + message.slice(1), hint]
    .filter(Boolean)
    .map((text) => (/[.!?]$/.test(text) ? text : `${text}.`))
    .join(' ');
