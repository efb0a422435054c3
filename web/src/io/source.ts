// Where the page's data comes from. Views never see this: the session asks, and hands typed arrays down.
import type { AnswerName, Arguments, PictureName, Result } from './answers';
import type { LabSource } from './lab';
import type { DroppedImage, PatternsInfo } from './wire';

export interface DataSource {
  /** The Lab's jobs and kept runs. */
  readonly lab: LabSource;
  /** An answer by its name. */
  get<Name extends AnswerName>(name: Name, given: Arguments<Name>, signal?: AbortSignal): Promise<Result<Name>>;
  /** The address of a picture. */
  address<Name extends PictureName>(name: Name, given: Arguments<Name>): string;
  /** Name a cluster; null = the automatic name again. */
  renameCluster(cluster: number, name: string | null): Promise<PatternsInfo>;
  /** Send an image of the user's own to the loaded model. */
  drop(file: File): Promise<DroppedImage>;
}
