// What the page consists of: its perspectives and the panes of each. Tabs, keys, commands of the palette, addresses, titles,
// help and what can be enlarged are made from this list; the component of a perspective is named in app/later.ts, that of a
// pane in its perspective.

interface PaneRow {
  readonly title: string;
  /** The title where there is little room. */
  readonly short?: string;
  /** It can have the whole work area: by its button, F, the palette and the address. */
  readonly whole?: true;
  /** How to read it: what it tells in three sentences, and a caveat. Words as in docs/definitions.md. */
  readonly read?: readonly string[];
}

interface Perspective {
  readonly view: string;
  readonly name: string;
  /** After `g`. */
  readonly key: string;
  readonly what: string;
  /** Options (selection/options.ts) whose values the palette offers. */
  readonly choices: readonly string[];
  readonly panes: Readonly<Record<string, PaneRow>>;
}

export const PERSPECTIVES = [
  {
    view: 'explore',
    name: 'Explore',
    key: 'e',
    what: 'all images',
    choices: ['layout', 'importance', 'strength', 'patterns', 'patternColour'],
    panes: {
      filters: { title: 'Filters' },
      images: {
        title: 'Images',
        whole: true,
        read: [
          'Every mark is one image; images that lose the same when the same heads are pruned stand near each other.',
          'Drag an outline around images to see them alone: every other pane follows.',
          'Click an image to make it the focus; ✕ marks wrong predictions, ● right ones.',
          'Caveat: a map in two dimensions keeps neighbours better than distances; how well is printed below it.',
        ],
      },
      importance: {
        title: 'Head importance',
        short: 'Importance',
        whole: true,
        read: [
          'Every cell is one head: layers down, heads across. Its colour says how much changes when the head is pruned.',
          'The inner square is the consistency over images: large = the same for every image, small = some images only.',
          'Low on output and high on layer is a finding only where more heads are so than unrelated rankings would give.',
          'Caveat: heads are pruned one at a time; backup heads look unimportant alone.',
        ],
      },
      strength: {
        title: 'Attention strength',
        short: 'Strength',
        whole: true,
        read: [
          'How strongly patches attend to the patches exactly k steps away (Chebyshev rings), averaged over query patches.',
          'Mass is the sum over a ring, density the mass of one patch of it: rings grow with k, so mass alone misleads.',
          'The strip on the right shows how far each head attends, layer by layer; without sinks, as one distant key ' +
            'that draws all patches is no long reach.',
          'Caveat: where a head attends does not say what information flows.',
        ],
      },
      patterns: {
        title: 'Patterns',
        whole: true,
        read: [
          'Every dot is the attention matrix of one head on one image; near dots are matrices that look alike.',
          'A pattern is a cluster of them: its picture is the member in its middle, its name comes from a written rule, ' +
            'and may be changed; so may their number, for a finer or coarser look.',
          'Content dependence says whether the image decides: 0 = the same matrix whatever the image, 1 = the image alone.',
          'Caveat: matrices are compared at 8 × 8 cells, on a sample of the images; n is printed below the map.',
        ],
      },
      /** In the place of the patterns. */
      mean: {
        title: 'Mean attention',
        read: [
          'The mean over all images of a head’s attention matrix: rows are query tokens, columns the keys they attend to.',
          'The first row and column belong to CLS; lines mark the regions that can be pruned apart.',
          'In two dimensions the same numbers are laid out as one small map of keys for every query patch.',
          'Caveat: a mean can look even although every single image is sharp; open an image to see one.',
        ],
      },
      inspector: { title: 'Inspector' },
    },
  },
  {
    view: 'image',
    name: 'Image',
    key: 'i',
    what: 'one in depth',
    choices: [],
    panes: {
      query: { title: 'Query and map' },
      picture: {
        title: 'One image',
        read: [
          'The picture is what the model saw; the colour over it says where the query token looks, one value a patch.',
          'Click a patch, or move by the arrow keys, to ask from there; “to” asks which tokens attend to it.',
          'The bar shows the scale; a triangle marks values beyond its end, with their number.',
          'Caveat: attention shows where a head looks, not what it makes of it; pruning tells whether it matters.',
        ],
      },
      tiles: {
        title: 'All heads, this query',
        read: [
          'One small map a head, all for the same query token; the scale is shared inside a layer.',
          'Click a map to make its head the focus: the picture and the matrix follow.',
          'Order by importance to put the heads that matter most first.',
          'Caveat: colours of different layers are not comparable: read the bar at the end of each row.',
        ],
      },
      matrix: {
        title: 'Matrix',
        read: [
          'The exact attention of one head on this image: every row sums to 1.',
          'Cross-hairs tie a cell to its two patches on the picture; the margins sum the four regions.',
          'In two dimensions, columns, rows and neighbourhoods of the image become visible shapes.',
          'Caveat: on a log scale faint values look larger than they are; the tooltip prints the number.',
        ],
      },
      spread: {
        title: 'Spread by layer',
        read: [
          'The entropy of CLS’s map, mean over the heads of a layer: low = focused, high = spread over the image.',
          'Levels 1 to 4 are quartiles over all images of the run: 1 = among the most focused quarter.',
          'Focus and coverage say the same of single heads: how sharp, and how many patches hold 60 % of the mass.',
          'Caveat: levels compare with this run’s images only.',
        ],
      },
      numbers: { title: 'Numbers' },
    },
  },
  {
    view: 'heads',
    name: 'Heads',
    key: 'h',
    what: 'against each other',
    choices: ['diversity', 'similarity', 'depthOf', 'classTrend'],
    panes: {
      diversity: {
        title: 'Diversity',
        read: [
          'How differently the heads of a layer attend: 0 = all alike. The line is the mean over the images in scope, ' +
            'the band their interquartile range.',
          'By cosine of what CLS attends to, by its Jensen-Shannon distance, or by cosine of whole matrices.',
          'Click a layer to make its heads the head set.',
          'Caveat: attention weights are never negative, so cosines are high even between unrelated heads: read one ' +
            'variant beside another.',
        ],
      },
      redundancy: {
        title: 'Redundancy',
        read: [
          'Every cell is a pair of heads, of any two layers; heads stand in an order that puts similar heads beside each other.',
          'Frames are groups: heads merged at a mean similarity of at least the threshold. Click one to make it the head set.',
          'By attention (where they look) or by output (linear CKA of what they put out): heads may agree in one and not in the other.',
          'Caveat: alike is not the same as superfluous. Prune the group but for one in the Lab, and see.',
        ],
      },
      focusCoverage: {
        title: 'Focus × coverage',
        read: [
          'Every dot is a head, placed by its mean over the images in scope; its size is the importance of the head.',
          'Right: CLS attends to few patches, sharply. Top: it takes many patches to hold 60 % of its attention.',
          'Drag a rectangle around heads to make them the head set.',
          'Caveat: both are of the CLS row, rescaled to its patches; what patches attend to is not in it.',
        ],
      },
      depth: {
        title: 'Over depth',
        read: [
          'The pruned head changes its own layer first; the curve follows the change through the later layers, to the ' +
            'last one where it is known.',
          'Falling: later layers repair what is missing. Rising: they amplify it.',
          'After the last block only tokens that the classifier reads are known.',
          'Caveat: a distance also falls where later layers only add to the stream; it need not be active repair.',
        ],
      },
      classTrend: {
        title: 'By class',
        read: [
          'One row a class, one column a layer: the mean over the heads of the layer, on the images of the class in scope.',
          'Left of them the focus head alone, with the number of images.',
          'Classes with like rows stand together.',
          'Caveat: few images a class make for noisy rows; n is printed in each.',
        ],
      },
      sizes: {
        title: 'Input size',
        read: [
          'One column is one input size; positions marked * were interpolated by the model’s own rule, preprocessing follows the size.',
          'Above: accuracy and the probability of the target class with 95 % intervals; then how far and how evenly heads look.',
          'Shares of the image diagonal and of ln(tokens) compare across sizes; pixels and nats grow with the input by themselves.',
          'Caveat: a size far from the one that the model was trained on asks something new of it; a worse answer ' +
            'need not lie in the heads.',
        ],
      },
    },
  },
  {
    view: 'lab',
    name: 'Lab',
    key: 'l',
    what: 'what if',
    choices: [],
    panes: {
      labHeads: {
        title: 'Heads to prune',
        read: [
          'Every cell is one head, in the colours of the measure; a click prunes it, or brings it back.',
          'The slider prunes the first heads of the order by that measure, over the images in scope.',
          'What of a head is pruned follows “Pruned” in the bar above; it can be changed head by head.',
          'Caveat: importance is of heads pruned alone; a set may do more, or less, than the sum.',
        ],
      },
      labSet: { title: 'Prune set' },
      labImage: {
        title: 'This image',
        read: [
          'Class probabilities of the focus image: before on the left, after on the right.',
          'The model runs again whenever heads, fill or image change.',
          'The mask check proves that the mask took effect: what is left where it prunes, and layers that are untouched to the bit.',
          'Caveat: one image may flip by chance; run on the images in scope.',
        ],
      },
      labScope: {
        title: 'Images in scope',
        read: [
          'Accuracy of the same labelled images before and after; before is what the run keeps.',
          'The interval is of the change, paired (Agresti and Min 2005); McNemar asks whether as many were lost as won.',
          'The strips are the images that changed sides; a click makes one the focus image.',
          'Caveat: the model was never trained without these heads.',
        ],
      },
      labCurve: {
        title: 'Pruning curve',
        read: [
          'Accuracy, or how far answers move, after the first heads of an order are pruned together.',
          'The grey band is the 5th to 95th percentile of random orders on the same images.',
          'Click a point to prune the heads of its line up to there.',
          'Caveat: an order by effects of single heads knows nothing of backup heads; greedy search does.',
        ],
      },
      labRuns: {
        title: 'Runs',
        read: [
          'Every finished run over the images in scope, and every curve, is kept in the run’s folder under lab/.',
          'Open one to have its heads, fill and images back, with its numbers; that works without the model too.',
          'The same question asked again replaces its run. Tick two to compare them.',
        ],
      },
    },
  },
] as const satisfies readonly Perspective[];

type Panes = (typeof PERSPECTIVES)[number]['panes'];
type KeysOf<T> = T extends T ? keyof T : never;
type Whole<T> = T extends T ? { [K in keyof T]: T[K] extends { whole: true } ? K : never }[keyof T] : never;

export type View = (typeof PERSPECTIVES)[number]['view'];
export type PaneName = KeysOf<Panes>;
export type WholePane = Whole<Panes>;
/** What stands in Explore at a time: the mean matrices take the place of the patterns. */
export type ExplorePane = Exclude<keyof (typeof PERSPECTIVES)[0]['panes'], 'mean'>;

export const VIEWS: readonly View[] = PERSPECTIVES.map(({ view }) => view);
export const PANES = Object.assign({}, ...PERSPECTIVES.map(({ panes }) => panes)) as Readonly<
  Record<PaneName, PaneRow>
>;
export const WHOLE_PANES = (Object.keys(PANES) as PaneName[]).filter((name) => PANES[name].whole) as WholePane[];

export const viewName = (view: View): string => PERSPECTIVES.find((one) => one.view === view)!.name;
