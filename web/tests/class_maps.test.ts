// Maps of one class: whether they can be had, which classes there are to choose from, and shares of a map.
import { describe, expect, it } from 'vitest';
import { asShares, classChoices, classOf, isClassMap } from '../src/attention/class_maps';
import { classMapAnswer } from '../src/words/answers';
import { mapCaption, type MapChoice } from '../src/attention/shown';
import { images, run } from './fixtures';

const live = run({ capabilities: { ...run().capabilities, live: true } });

describe('maps of a class', () => {
  it('need the model and a classifier', () => {
    expect(classMapAnswer(live, images(), 0).kind).toBe('yes');
    const recorded = classMapAnswer(run(), images(), 3); // featured: its matrices are stored, their gradients are not
    expect(recorded).toMatchObject({ kind: 'no', command: run().capabilities.liveCommand });
    const bare = run({ ...live, model: { ...live.model, nClasses: null } });
    expect(classMapAnswer(bare, images(), 0)).toMatchObject({ kind: 'no', command: null });
  });
  it('are of the target unless another class is chosen', () => {
    const table = images();
    expect(classOf(live, table, 1, 0)).toBe(table.target[1]);
    expect(classOf(live, table, 1, 4)).toBe(3);
    expect(classOf(live, table, live.nImages, 0)).toBe(-1);
  });
  it('offer each class once, the image’s own first', () => {
    const table = images();
    for (const image of [0, 1, 2, 3, live.nImages]) {
      for (const chosen of [0, 1, 3, 778]) {
        const choices = classChoices(live, table, image, chosen);
        expect(choices[0]!.value).toBe(0);
        expect(new Set(choices.map((choice) => choice.value)).size).toBe(choices.length);
        expect(choices.map((choice) => choice.value)).toContain(chosen);
      }
    }
  });
  it('are shown as shares of what lies on patches', () => {
    const { tokens } = run();
    const row = Float32Array.from({ length: 17 }, (_, i) => (i < 2 ? 5 : i === 2 ? 3 : i === 3 ? 1 : 0));
    const shares = asShares(row, tokens);
    expect([...shares.subarray(0, 4)]).toEqual([NaN, NaN, 0.75, 0.25]);
    expect(asShares(new Float32Array(17), tokens).every((value) => Number.isNaN(value))).toBe(true);
    expect(asShares(new Float32Array(17).fill(NaN), tokens).every((value) => Number.isNaN(value))).toBe(true);
  });
  it('are named with their class and the parameters that count', () => {
    const choice: MapChoice = {
      map: 'legrad',
      head: { layer: 0, head: 0 },
      headFusion: 'mean',
      layerFusion: 'mean',
      residual: 0.5,
      discard: 0.1,
      startLayer: 1,
      legradLayers: 2,
      legradReading: 'mean',
      className: 'tabby',
    };
    const { tokens } = run();
    expect(isClassMap('legrad') && !isClassMap('rollout')).toBe(true);
    expect(mapCaption(choice, tokens, 0, 'from')).toBe(
      'LeGrad of tabby, share of the map, last 2 layers, score read from the mean of all tokens',
    );
    expect(mapCaption({ ...choice, legradLayers: 1, legradReading: 'classifier' }, tokens, 0, 'from')).toBe(
      'LeGrad of tabby, share of the map, last layer, score read from the tokens that are classified',
    );
    expect(mapCaption({ ...choice, map: 'relevance' }, tokens, 0, 'to')).toBe(
      'generic relevance of tabby, share of the map, to CLS, from layer 1',
    );
    expect(mapCaption({ ...choice, map: 'gradient_rollout' }, tokens, 0, 'from')).toBe(
      'gradient rollout of tabby, share of the map, from CLS, mean over heads, residual 0.5, discard 0.1, from layer 1',
    );
  });
});
