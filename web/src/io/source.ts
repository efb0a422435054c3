// Where the page's data comes from. Views never see this: the session asks, and hands typed arrays down.
import type { AnswerName, Arguments, PictureName, Result } from './answers';
import type { DroppedImage, ErrorBody, PatternsInfo } from './wire';

export interface DataSource {
  /** An answer by its name. */
  get<Name extends AnswerName>(name: Name, given: Arguments<Name>, signal?: AbortSignal): Promise<Result<Name>>;
  /** The address of a picture. */
  address<Name extends PictureName>(name: Name, given: Arguments<Name>): string;
  /** Name a cluster; null = the automatic name again. */
  renameCluster(cluster: number, name: string | null): Promise<PatternsInfo>;
  /** Send an image of the user's own to the loaded model. */
  drop(file: File): Promise<DroppedImage>;
}

/** A failure in the server's words: a sentence, and what to do next. */
export class Failure extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(body: ErrorBody) {
    super(body.message);
    this.name = 'Failure';
    this.code = body.code;
    this.hint = body.hint;
  }
}

export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Failure({ code: 'page', message, hint: 'Reload the page; if it stays, please report it.' });
}
