// Settings of this sink as it gets them: checked by the gateway's config, defaults filled in, the
// token already read from where it is kept. Nothing here is ever printed.

export interface Influx2Config {
  /** Such as http://127.0.0.1:8086; never with a name or password in it. */
  readonly url: string
  readonly org: string
  /** Name of the bucket of readings; events and days go into `<bucket>_event`, `<bucket>_daily`. */
  readonly bucket: string
  readonly token?: string
  /**
   * False: the buckets are somebody else's work, and the token may only write. There is no daily
   * rollup then, because it is read back.
   */
  readonly setUp: boolean
  /** How long each bucket keeps its points, days; 0 is for ever. */
  readonly retentionDays: number
  readonly dailyRetentionDays?: number
  readonly eventRetentionDays?: number
  /** Longest wait for an answer, milliseconds; default 10,000. */
  readonly timeoutMs?: number
}

export const defaultTimeoutMs = 10_000
