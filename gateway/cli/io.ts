// What a command may touch of the outside: passed in, so that a test can run a command in its own
// process and see all that it prints.

export interface Io {
  /** One line to standard output. */
  out(line: string): void
  /** One line to standard error. */
  err(line: string): void
  env: Record<string, string | undefined>
  /** Folder that relative paths start from. */
  cwd: string
  /** Aborted when the person asks the program to stop (Ctrl-C, SIGTERM). */
  signal: AbortSignal
  /** Has the task done at each SIGHUP; absent in a terminal, whose end SIGHUP means. */
  onHangup?(task: () => void): void
}

/** What every file in this folder that is named after a command exports. */
export interface Command {
  /** One line for `tenfold help`. */
  summary: string
  /** The text of `tenfold help <command>`. */
  usage: string
  /**
   * Runs the command; resolves with the exit code. Throws OperatingError for what a person can
   * mend.
   */
  run(args: string[], io: Io): Promise<number>
}
