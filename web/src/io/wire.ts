// Short names for the generated wire types. The truth is src/vitscope/server/wire.py; `make types` carries it here.
import type { components } from './wire.gen';

type Schemas = components['schemas'];
export type RunInfo = Schemas['RunInfo'];
export type ProgressInfo = Schemas['ProgressInfo'];
export type Headline = Schemas['Headline'];
export type ImageTable = Schemas['ImageTable'];
export type MetricInfo = Schemas['MetricInfo'];
export type ModeInfo = Schemas['ModeInfo'];
export type MeasureInfo = Schemas['MeasureInfo'];
export type TokenInfo = Schemas['TokenInfo'];
export type DroppedImage = Schemas['DroppedImage'];
export type PatternsInfo = Schemas['PatternsInfo'];
export type PatternCluster = Schemas['PatternCluster'];
export type NearMatrix = Schemas['NearMatrix'];
export type TypicalImages = Schemas['TypicalImages'];
export type ErrorBody = Schemas['ErrorBody'];
