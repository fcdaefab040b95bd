// Settings of this sink as it gets them: checked by the gateway's config, defaults filled in, the
// password already read from where it is kept. Nothing here is ever printed.

export interface Influx1Config {
  /** Such as http://127.0.0.1:8086; never with a name or password in it. */
  readonly url: string
  readonly database: string
  readonly username?: string
  readonly password?: string
  /** How long readings are kept, days; 0 is for ever. */
  readonly retentionDays: number
  /** How long daily rollups and events are kept, days; default 0, for ever. */
  readonly dailyRetentionDays?: number
  readonly eventRetentionDays?: number
  /** Longest wait for an answer, milliseconds; default 10,000. */
  readonly timeoutMs?: number
}

export const defaultTimeoutMs = 10_000
