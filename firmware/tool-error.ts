// An error of the build that a person can mend: a tool that is not installed, a board that does not
// exist. Its form (code, message, remedy) is what the command line prints without a stack.
// What is wrong in a loop or a profile is a BuildError instead.

export class ToolError extends Error {
  override name = 'ToolError'
  readonly code: string
  /** What to do, such as the command that installs the tool. */
  readonly remedy: string
  constructor(code: string, what: { message: string; remedy: string }) {
    super(what.message)
    this.code = code
    this.remedy = what.remedy
  }
}
