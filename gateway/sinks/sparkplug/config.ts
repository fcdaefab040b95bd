// Settings of this sink as it gets them: checked by the gateway's config, defaults filled in, the
// password already read from where it is kept. Nothing here is ever printed.

export interface SparkplugConfig {
  readonly servers: readonly string[]
  readonly version: '3.1.1' | '5'
  readonly group: string
  readonly node: string
  readonly primaryHost?: string
  readonly username?: string
  readonly password?: string
  /** Paths of PEM files. */
  readonly authority?: string
  readonly certificate?: string
  readonly key?: string
  readonly historicalSeconds: number
  readonly silentSeconds: number
}
