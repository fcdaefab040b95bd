// What a person may ask of a unit's setpoints, and what became of it: said between the parts that a
// person speaks to, pages or OPC UA, and the desk that asks the unit. Plain data.

/** What a person asks for: setpoints by name, in the profile's units. */
export interface SetpointRequest {
  kind: 'setpoint'
  values: Readonly<Record<string, number>>
  /** How long they hold, milliseconds. */
  holdsMs: number
}

export interface CommandOutcome {
  id: string
  accepted: boolean
  /** Why it was refused, in the unit's word. */
  reason?: string
}
