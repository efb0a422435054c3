// What went wrong, as the page tells it.
import type { ErrorBody } from './wire';

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
