// The map over the picture as it follows the session: its row, its patches, every layer's map, its scale and caption.
import type { Session } from '../../../session/session.svelte';
import { layerTop } from '../../../attention/rows';
import { asShares, classOf, isClassMap } from '../../../attention/class_maps';
import { classMapAnswer, matrixAnswer, type Answer } from '../../../words/answers';
import { shortName } from '../../../ground/run';
import {
  fusedRow,
  layerRows,
  mapCaption,
  mapName,
  patchesOf,
  rowsOf,
  scaleOf,
  type MapChoice,
} from '../../../attention/shown';

const YES: Answer = { kind: 'yes' };

export class ShownMap {
  readonly session!: Session;

  constructor(session: Session) {
    this.session = session;
  }

  /** The class that a map of one class is of; -1 = the model's own top class. */
  readonly target: number = $derived.by(() => {
    const { run, images, image, options } = this.session;
    return image === null ? -1 : classOf(run, images, image, options.mapClass);
  });
  readonly choice: MapChoice = $derived.by(() => {
    const { map, headFusion, layerFusion, residual, discard, startLayer, legradReading } = this.session.options;
    const last = this.session.run.model.nLayers - 1;
    const start = Math.min(startLayer, last);
    const legradLayers = Math.min(this.session.options.legradLayers, last + 1);
    const { target } = this;
    const className = target < 0 ? 'the predicted class' : shortName(this.session.images, target);
    return {
      map,
      head: this.session.head,
      headFusion,
      layerFusion,
      residual,
      discard,
      startLayer: start,
      legradLayers,
      legradReading,
      className,
    };
  });
  readonly name: string = $derived(mapName(this.choice));
  readonly caption: string = $derived(
    mapCaption(this.choice, this.session.run.tokens, this.session.query, this.session.direction),
  );
  readonly isRollout: boolean = $derived(this.choice.map === 'rollout');
  readonly isOfClass: boolean = $derived(isClassMap(this.choice.map));
  /** Made through the layers: each layer's map is the one up to it. */
  readonly isStacked: boolean = $derived(this.isRollout || this.isOfClass);

  /** Whether this image can be rolled out. */
  readonly rolloutAnswer: Answer = $derived.by(() => {
    const { run, images, image } = this.session;
    return image === null ? YES : matrixAnswer(run, images, image, 'Rollout');
  });
  /** Whether maps of a class can be had of this image. */
  readonly classAnswer: Answer = $derived.by(() => {
    const { run, images, image } = this.session;
    return image === null ? YES : classMapAnswer(run, images, image);
  });
  /** Whether the map that is asked for can be had, where it is made through the layers. */
  readonly answer: Answer = $derived(this.isOfClass ? this.classAnswer : this.rolloutAnswer);
  readonly #stacked = $derived.by(() => {
    const { image, query, direction } = this.session;
    if (!this.isStacked || image === null || this.answer.kind === 'no') return null;
    const { map, headFusion, residual, discard, startLayer, legradLayers, legradReading } = this.choice;
    const rolled = { query, direction, fusion: headFusion, residual, discard, start: startLayer };
    if (!isClassMap(map)) return this.session.data.get('rollout', { image, ...rolled });
    return this.session.data.get('class_map', {
      image,
      kind: map,
      target: this.target,
      ...rolled,
      layers: legradLayers,
      reading: legradReading,
    });
  });
  readonly failure = $derived(this.#stacked?.failure ?? null);
  readonly loading: boolean = $derived(this.#stacked !== null && !this.#stacked.value && !this.failure);

  /** Every layer's row over all tokens: heads fused, or rolled out up to it. */
  readonly layers: readonly Float32Array[] | null = $derived.by(() => {
    const { tokens, model } = this.session.run;
    const { nHeads, nLayers } = model;
    if (this.isStacked) {
      const rows = this.#stacked?.value ? rowsOf(this.#stacked.value, nLayers) : null;
      return rows && this.isOfClass ? rows.map((row) => asShares(row, tokens)) : rows;
    }
    return this.session.rows && layerRows(this.session.rows, nHeads, this.session.options.headFusion);
  });
  /** The row that is shown, over all tokens. */
  readonly row: Float32Array | null = $derived.by(() => {
    if (this.isStacked) return this.layers?.at(-1) ?? null;
    return this.session.rows && fusedRow(this.session.rows, this.session.run.model.nHeads, this.choice);
  });
  readonly patches: Float32Array | null = $derived(this.row && patchesOf(this.row, this.session.run.tokens));
  /** Largest weight on a patch in any head's map. */
  readonly shared: number = $derived.by(() => {
    const { rows } = this.session;
    if (this.isOfClass) return 0; // shares of a map and weights of a head are not on one scale
    return rows ? Math.max(...Array.from({ length: rows.layers }, (_, layer) => layerTop(rows, layer))) : 0;
  });
  readonly scale = $derived(
    this.patches && scaleOf(this.patches, this.session.options.mapScale, this.session.run.tokens, this.shared),
  );
}
