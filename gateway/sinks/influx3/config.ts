// Settings of this sink as it gets them: checked by the gateway's config, defaults filled in, the
// token already read from where it is kept. Nothing here is ever printed.

export interface Influx3Config {
  /** Such as http://127.0.0.1:8181; never with a name or password in it. */
  readonly url: string
  /** Database of readings; events and days go into `<database>_event` and `<database>_daily`. */
  readonly database: string
  readonly token?: string
  /**
   * False: the databases are somebody else's work, and the token may only write. There is no daily
   * rollup then, because it is read back.
   */
  readonly setUp: boolean
  /** How long each database keeps its points, days; 0 is for ever. Only when it is made. */
  readonly retentionDays: number
  readonly dailyRetentionDays?: number
  readonly eventRetentionDays?: number
  /** Longest wait for an answer, milliseconds; default 10,000. */
  readonly timeoutMs?: number
}

export const defaultTimeoutMs = 10_000
