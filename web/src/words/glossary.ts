// The words the page uses, each in one or two sentences. Definitions with formulae: docs/definitions.md.

export interface Term {
  readonly term: string;
  readonly meaning: string;
}

export const GLOSSARY: readonly Term[] = [
  {
    term: 'Layer, head',
    meaning:
      'A Vision Transformer is a stack of layers; each layer attends with several heads side by side. L9·H3 is ' +
      'head 3 of layer 9, both counted from 0.',
  },
  {
    term: 'Token, patch, CLS',
    meaning:
      'The image is cut into patches; each patch is a token. CLS is an extra token that gathers what the ' +
      'classifier reads. Some models have register tokens too, some have no CLS.',
  },
  {
    term: 'Query, key',
    meaning:
      'The query is the token that attends (a row of the attention matrix), the keys are the tokens it attends ' +
      'to. The weights of a row sum to 1.',
  },
  {
    term: 'Attention matrix',
    meaning:
      'All weights of one head on one image: rows are queries, columns are keys. It has four regions: CLS→CLS, ' +
      'CLS→patches, patches→CLS and patches→patches.',
  },
  {
    term: 'Pruned',
    meaning:
      'The weights of a head, or of some of its regions, are set to 0 in one forward pass (fill: zero), and what ' +
      'changes is measured. Heads are pruned one at a time.',
  },
  {
    term: 'Importance',
    meaning:
      'How much changes when a head is pruned. On one image it is local; over all images in scope it is a mean or a median, with n.',
  },
  {
    term: 'Probability drop, logit drop',
    meaning:
      'Probability (logit) of the target class, intact minus pruned. Above 0 the head helps the class, below 0 it works against it.',
  },
  {
    term: 'JSD',
    meaning:
      'Jensen-Shannon divergence between the class probabilities, intact and pruned: 0 bits = no change, 1 bit = nothing in common.',
  },
  {
    term: 'CLS and patch cosine distance',
    meaning:
      '1 − cosine of the tokens right after the pruned layer, before later layers can repair it. High here and ' +
      'low at the output: the loss is repaired.',
  },
  {
    term: 'Consistency',
    meaning:
      '1 − IQR / (IQR + |median|) over images: near 1 the head matters the same on every image, near 0 on some only.',
  },
  {
    term: '95 % interval',
    meaning:
      'Where the mean over all such images lies, told from the images in scope (bootstrap-t: wider on the side of ' +
      'the long tail). Below 100 images it misses more often than it says: “few images”. One image has none.',
  },
  {
    term: 'Expected if unrelated',
    meaning:
      'How many heads would be low on output and high on layer if the two rankings had nothing to do with each ' +
      'other. Fewer, or not clearly more, is no finding.',
  },
  {
    term: 'Rank correlation (Spearman’s ρ)',
    meaning: 'How alike two rankings are: 1 = the same, 0 = unrelated, −1 = turned round.',
  },
  {
    term: 'Hop k, ring',
    meaning:
      'The patches exactly k steps away (Chebyshev distance) from the query patch: the ring around it. k = 0 is the patch itself.',
  },
  {
    term: 'Mass, density',
    meaning:
      'Mass is the attention that goes to a whole ring; density is the mean per patch of the ring. Rings grow ' +
      'with k, so mass alone misleads.',
  },
  {
    term: 'Mean distance',
    meaning:
      'Distance between query and key patches, weighted by attention, in pixels. Small = local. Large = across ' +
      'the image only where no sink explains it: compare it without sinks.',
  },
  {
    term: 'Sink',
    meaning:
      'A key token that at least 5 % of the patches’ attention goes to, and 4 times what uniform attention would ' +
      'give: a corner, CLS, a register, any patch.',
  },
  {
    term: 'Entropy, focus, coverage',
    meaning:
      'How evenly a token attends. Entropy 0 = one token only. Focus is 1 − normalised entropy. Coverage is the ' +
      'smallest share of patches that holds 60 % of the mass.',
  },
  {
    term: 'Pattern',
    meaning:
      'Attention matrices of many heads and images that look alike: a cluster of them, named as most of its ' +
      'members are by written rules, or by you: self, local, wide local, a shift (one patch left, 2 patches up, ' +
      '…), row, column, cross, ring, few keys (one-key stripe, corners, border, registers), CLS sink, uniform, ' +
      'CLS on a blob, fixed place, content blob (only where several images show that the image decides), blob, ' +
      'mixed. A head is told by its own matrices. Medoid: the member in its middle.',
  },
  {
    term: 'Mix of patterns',
    meaning: 'How often a head shows each pattern over images. Its entropy, in bits: 0 = always the same pattern.',
  },
  {
    term: 'Content dependence',
    meaning:
      'How far the image decides a head’s matrix: 0 = the same matrix whatever the image, 1 = the image alone ' +
      'decides. Squared distances from the head’s mean matrix over those from the uniform one.',
  },
  {
    term: 'Diversity',
    meaning:
      'How differently the heads of a layer attend: 1 − mean cosine over pairs of heads (or their mean ' +
      'Jensen-Shannon distance). 0 = all alike.',
  },
  {
    term: 'Redundant heads',
    meaning:
      'Heads merged at a mean similarity of at least a threshold: by attention (where they look) or by output ' +
      '(linear CKA: whether they tell tokens apart alike).',
  },
  {
    term: 'Over depth, repair',
    meaning:
      'How far a pruned head’s change has gone after each later layer. Smaller than right after its own layer: ' +
      'repaired; larger: amplified.',
  },
  {
    term: 'Rollout',
    meaning:
      'Attention multiplied through the layers, with a share for the residual path: which patches a token can ' +
      'draw from, from the first layer up.',
  },
  {
    term: 'Scope',
    meaning:
      'The images that all numbers are about: all of them, or those that meet every condition in the scope bar. n is how many.',
  },
];

export interface KeyHelp {
  readonly keys: string;
  readonly does: string;
}
export interface KeyGroup {
  readonly where: string;
  readonly keys: readonly KeyHelp[];
}

/** Keys by where they work. Single letters work only while a pane has the focus, and can be switched off. */
export const KEYS: readonly KeyGroup[] = [
  {
    where: 'Everywhere',
    keys: [
      { keys: 'Ctrl K', does: 'commands: every head, class, image and setting by name' },
      { keys: 'Ctrl Z', does: 'undo' },
      { keys: 'Ctrl Shift Z', does: 'redo (also Ctrl Y)' },
      { keys: 'F6', does: 'next pane; Shift F6: the one before' },
      { keys: 'Esc', does: 'close; else clear the last level of selection: head set, head, images' },
      { keys: 'g e', does: 'Explore' },
      { keys: 'g i', does: 'Image' },
      { keys: 'g h', does: 'Heads' },
      { keys: 'g l', does: 'Lab' },
      { keys: '?', does: 'this help' },
    ],
  },
  {
    where: 'In every pane',
    keys: [
      { keys: '← ↑ ↓ →', does: 'move; what has the focus is highlighted everywhere' },
      { keys: 'Enter', does: 'make it the focus (as a click does)' },
      { keys: 'Space', does: 'put it into the set, or take it out (Ctrl-click)' },
      { keys: 'O', does: 'open it in Image (double-click)' },
      { keys: 'F', does: 'the pane has the whole work area, and back' },
    ],
  },
  {
    where: 'Images',
    keys: [
      { keys: 'N', does: 'next image in scope' },
      { keys: 'P', does: 'previous image in scope' },
    ],
  },
  {
    where: 'Head importance',
    keys: [
      { keys: 'M', does: 'next measure' },
      { keys: 'R', does: 'next part of the head to prune' },
      { keys: 'S', does: 'sort heads inside each layer' },
    ],
  },
  {
    where: 'Patterns',
    keys: [
      { keys: 'N', does: 'in the list: next member of the pattern, nearest the medoid first' },
      { keys: 'P', does: 'the member before' },
      { keys: 'K', does: 'in the list: to the number of patterns' },
      { keys: 'F2', does: 'rename the pattern, in the run itself' },
    ],
  },
  {
    where: 'Heads',
    keys: [
      {
        keys: 'Enter',
        does: 'in diversity: the heads of the layer as the set; in redundancy: the group, or the two heads',
      },
      { keys: '↑ ↓', does: 'over depth: the head above or below at this layer; ← → another layer' },
    ],
  },
  {
    where: 'Image',
    keys: [
      { keys: '0', does: 'attention from CLS' },
      { keys: 'D', does: 'direction: from or to the query token' },
      { keys: 'U', does: 'next way of upsampling' },
      { keys: 'L', does: 'next scale' },
      { keys: 'B', does: 'hold: the picture alone' },
    ],
  },
];
