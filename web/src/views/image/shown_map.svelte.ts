// The map over the picture as it follows the session: its row, its patches, every layer's map, its scale and caption.
import type { Session } from '../../app/session.svelte';
import { layerTop } from '../../core/attention';
import { matrixAnswer, type Answer } from '../../core/focus';
import { fusedRow, layerRows, mapCaption, mapName, patchesOf, rowsOf, scaleOf, type MapChoice } from '../../core/shown';

const YES: Answer = { kind: 'yes' };

export class ShownMap {
  readonly session!: Session;

  constructor(session: Session) {
    this.session = session;
  }

  readonly choice: MapChoice = $derived.by(() => {
    const { map, headFusion, layerFusion, residual, discard, startLayer } = this.session.options;
    const last = this.session.run.model.nLayers - 1;
    const start = Math.min(startLayer, last);
    return { map, head: this.session.head, headFusion, layerFusion, residual, discard, startLayer: start };
  });
  readonly name: string = $derived(mapName(this.choice));
  readonly caption: string = $derived(
    mapCaption(this.choice, this.session.run.tokens, this.session.query, this.session.direction),
  );
  readonly isRollout: boolean = $derived(this.choice.map === 'rollout');

  /** Whether this image can be rolled out. */
  readonly rolloutAnswer: Answer = $derived.by(() => {
    const { run, images, image } = this.session;
    return image === null ? YES : matrixAnswer(run, images, image, 'Rollout');
  });
  readonly #rollout = $derived.by(() => {
    const { image, query, direction } = this.session;
    if (!this.isRollout || image === null || this.rolloutAnswer.kind === 'no') return null;
    const { headFusion, residual, discard, startLayer } = this.choice;
    return this.session.data.rollout(image, { query, direction, fusion: headFusion, residual, discard, start: startLayer });
  });
  readonly failure = $derived(this.isRollout ? (this.#rollout?.failure ?? null) : null);
  readonly loading: boolean = $derived(this.#rollout !== null && !this.#rollout.value && !this.failure);

  /** Every layer's row over all tokens: heads fused, or rolled out up to it. */
  readonly layers: readonly Float32Array[] | null = $derived.by(() => {
    const { nHeads, nLayers } = this.session.run.model;
    if (this.isRollout) return this.#rollout?.value ? rowsOf(this.#rollout.value, nLayers) : null;
    return this.session.rows && layerRows(this.session.rows, nHeads, this.session.options.headFusion);
  });
  /** The row that is shown, over all tokens. */
  readonly row: Float32Array | null = $derived.by(() => {
    if (this.isRollout) return this.layers?.at(-1) ?? null;
    return this.session.rows && fusedRow(this.session.rows, this.session.run.model.nHeads, this.choice);
  });
  readonly patches: Float32Array | null = $derived(this.row && patchesOf(this.row, this.session.run.tokens));
  /** Largest weight on a patch in any head's map. */
  readonly shared: number = $derived.by(() => {
    const { rows } = this.session;
    return rows ? Math.max(...Array.from({ length: rows.layers }, (_, layer) => layerTop(rows, layer))) : 0;
  });
  readonly scale = $derived(
    this.patches && scaleOf(this.patches, this.session.options.mapScale, this.session.run.tokens, this.shared),
  );
}
