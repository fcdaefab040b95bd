// Errors of operation, typed: what happened, why, and what to check. Mistakes of the program assert
// instead. Reasons are what the books are kept in: a record that is not stored has exactly one.

/** An error that a person can do something about. */
export class OperatingError extends Error {
  readonly code: string
  /** What to check or do, in words for the person who runs the gateway. */
  readonly remedy: string

  constructor(code: string, what: { message: string; remedy: string; cause?: unknown }) {
    super(what.message, what.cause === undefined ? {} : { cause: what.cause })
    this.name = 'OperatingError'
    this.code = code
    this.remedy = what.remedy
  }
}

/**
 * What a person should read of an error, where it is one of operation: by its form, since parts
 * that stand alone (the log, the attestation) have types of their own. undefined for a defect.
 */
export const operatingError = (
  error: unknown,
): Pick<OperatingError, 'code' | 'message' | 'remedy'> | undefined => {
  const { code, message, remedy } = (error ?? {}) as Partial<OperatingError>
  if (typeof code !== 'string' || typeof message !== 'string' || typeof remedy !== 'string') {
    return undefined
  }
  return { code, message, remedy }
}

/** Why a record went to quarantine: it can be inspected there, and what to check. */
export const quarantineReasons = {
  topic_unknown: 'The topic is not one of ours; publish to tenfold/v1/<machine>/<unit>/<kind>.',
  machine_unknown:
    'No profile has this machine name: check its spelling, or add its file to hardware-profiles ' +
    'and start the gateway again; then "tenfold quarantine requeue --reason machine_unknown".',
  unit_unknown: 'The unit has not said hello; publish its hello first, or check the unit id.',
  machine_changed: 'The unit said hello as another machine; give it its own unit id.',
  profile_mismatch:
    'The unit was built for another version of its profile; flash it anew, or put that one back.',
  payload_empty: 'The payload is empty.',
  payload_oversize: 'The payload is longer than the limit; send fewer values at once.',
  json_malformed: 'The payload is not JSON; check quotes and commas.',
  json_not_object: 'The payload is JSON, but not an object with "v" or "c".',
  field_unknown: 'A field of the message is not known; allowed are boot, seq, t, time, v, c, q.',
  type_wrong: 'A value has the wrong type; numbers are JSON numbers, counters whole ones.',
  number_not_finite: 'A value is NaN or infinite; leave it out and give its quality in "q".',
  signal_unknown: 'A signal or counter is not in the profile; compare names and spelling.',
  nothing_inside: 'The report carries neither a value nor a counter.',
  sequence_wrong: 'boot, seq and t belong together and are whole numbers from 0.',
  time_future: 'The time given lies in the future; check the source clock.',
  time_past: 'The time given lies before the unit or this software existed; check its clock.',
  entry_malformed: 'The entry is not a COSE_Sign1 of a known form.',
  entry_signature: "The entry's signature does not fit the unit's key.",
  entry_fork: 'The unit has signed two different entries with one number; see its passport.',
  entry_order:
    'The entry does not follow the one before it: its board lost its state, or it was copied.',
  entry_gap: 'An earlier entry of the unit is missing; it is kept until that one arrives.',
  claim_malformed: 'The claim is not a COSE_Sign1 of a known form.',
  claim_signature: "The claim's signature does not fit its author's key.",
  lifecycle_refused:
    'The claim cannot follow the state that the unit is in; the detail says what can.',
  claim_unauthorised:
    'Only the owner who accepted the unit may declare this, or a key named in units.authorities.',
  profile_other: 'The board counts by another version of the profile: flash the newest image.',
  foreign_unfit: 'A message of a foreign unit does not fit its mapping; compare the two.',
  sink_refused: 'The database refused this point; compare the type of its fields.',
} as const
export type QuarantineReason = keyof typeof quarantineReasons

/** Why a record was counted and let go. */
export const dropReasons = {
  corrupt: 'The log was damaged here: check the disk.',
  trimmed: 'The log reached its bound before this sink read it: give it more room or speed.',
  retention: "Older than the database's retention.",
  exception: 'Within the dead band of what the database has: the setting exception asks for it.',
  requeued: 'Taken out of quarantine: it came into the log again, and counts there.',
} as const
export type DropReason = keyof typeof dropReasons
