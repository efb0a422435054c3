// Every notice that names a cause appears exactly where that cause holds.
import { describe, expect, it } from 'vitest';
import { classMapAnswer, attentionAnswer, matrixAnswer } from '../src/words/answers';
import { noPruneCommand, pruneCommand, pythonCode } from '../src/words/lab_words';
import {
  needsModel,
  noAnswer,
  noClasses,
  noConfidence,
  noCorrectness,
  NOT_BY_NAME,
  outageWords,
} from '../src/words/reasons';
import { images, run } from './fixtures';

const NONE = [-1, -1, -1, -1];
const NULLS = [null, null, null, null];
const NOT = [false, false, false, false];
const planned = images({ prediction: NONE, probability: NULLS, correct: NULLS, target: NONE, done: NOT });
const unlabelled = images({ label: NONE, correct: NULLS, target: [0, 2, 0, 2] });
const skipped = images({
  prediction: NONE,
  probability: NULLS,
  correct: NULLS,
  target: NONE,
  problem: ['a', 'b', 'c', 'd'],
});
const featuresOnly = { ...run().model, nClasses: null };
const ofValues = { ...featuresOnly, readout: 'values' as const };
const plain = images({ label: NONE, prediction: NONE, probability: NULLS, correct: NULLS, target: NONE });

describe('filters say why they have nothing to filter by', () => {
  it('nothing, where there is something', () => {
    for (const reason of [noConfidence, noCorrectness, noClasses]) expect(reason(run(), images())).toBe('');
    expect(noConfidence(run(), unlabelled)).toBe('');
    expect(noClasses(run(), unlabelled)).toBe('');
  });
  it('a run that fills is not blamed on labels or the classifier', () => {
    for (const reason of [noConfidence, noCorrectness, noClasses]) {
      expect(reason(run(), planned)).toBe('No image has been analysed yet.');
      expect(reason(run(), skipped)).toBe('All images analysed so far were skipped.');
    }
    const partly = images({ label: [-1, -1, 1, 2], correct: NULLS, done: [true, true, false, false] });
    expect(noCorrectness(run(), partly)).toBe('No labelled image has been analysed yet.');
  });
  it('no labels and no classifier, each where it is so', () => {
    expect(noCorrectness(run(), unlabelled)).toContain('No labels in this run');
    expect(noCorrectness(run(), { ...planned, label: NONE })).toContain('No labels in this run');
    for (const reason of [noConfidence, noCorrectness, noClasses]) {
      expect(reason(run({ model: featuresOnly }), plain)).toContain('The model has no classifier');
      expect(reason(run({ model: ofValues }), plain)).toContain('Effects are measured on values');
    }
  });
});

describe('an image without an answer', () => {
  it('is told by its own cause', () => {
    expect(noAnswer(run(), planned, 0)).toBe('not analysed yet');
    expect(noAnswer(run(), skipped, 0)).toBe('skipped');
    expect(noAnswer(run({ model: featuresOnly }), plain, 0)).toBe('no label and no classifier');
    expect(noAnswer(run(), plain, 0)).toBe('no label and no prediction');
  });
});

describe('advice to load the model', () => {
  const named = run();
  const wrapped = run({ capabilities: { ...named.capabilities, liveCommand: null } });
  it('is given where a command can load it', () => {
    expect(needsModel(named.capabilities, 'It needs the model.')).toEqual({
      text: 'It needs the model.',
      command: 'vitscope serve run --live',
    });
    expect(needsModel(wrapped.capabilities, 'It needs the model.')).toEqual({
      text: `It needs the model. ${NOT_BY_NAME}`,
      command: null,
    });
  });
  it('never for a run of a wrapped module', () => {
    const asked = [
      attentionAnswer(wrapped, images(), 0, 3, 'from'),
      matrixAnswer(wrapped, images(), 0, 'Rollout'),
      classMapAnswer(wrapped, images(), 0),
    ];
    for (const answer of asked) {
      expect(answer).toMatchObject({ kind: 'no', command: null });
      expect(JSON.stringify(answer)).toContain('made in Python');
      expect(JSON.stringify(answer)).not.toContain('With the model loaded');
    }
    expect(matrixAnswer(named, images(), 0, 'Rollout')).toMatchObject({ command: 'vitscope serve run --live' });
  });
  it('nor a command or code that could not run', () => {
    const set = [{ layer: 0, head: 1, mode: 'head' }];
    expect(pruneCommand(null, set, 'zero')).toBeNull();
    expect(noPruneCommand(null, set, 'zero')).toContain('vitscope.without_heads');
    expect(noPruneCommand('vitscope prune vit', set, 'mean')).toContain('Only whole heads, fill zero');
    expect(noPruneCommand('vitscope prune vit', [], 'zero')).toBe('Prune a head first');
    expect(noPruneCommand('vitscope prune vit', set, 'zero')).toBe('');
    expect(pythonCode(wrapped, 'run', set, 'zero', null)).toContain('model = vitscope.wrap(module)');
    expect(pythonCode(named, 'run', set, 'zero', null)).toContain('model = vitscope.load_model(info.id');
  });
});

describe('an outage', () => {
  it('promises only what happens', () => {
    const words = outageWords({ message: 'The server does not answer.', hint: 'Start it again.' });
    expect(words).toBe(
      'The server does not answer. Start it again. The page continues when the server is back; a job that was running has to be run again.',
    );
  });
});
