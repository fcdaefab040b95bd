// What a form of recorded cycles looks like, and the forms that are known. A form is data: which
// field of a record is the unit, the date, the counter, which arrays are the curve and which signal
// each becomes. A new form is one more object here.

import type { Profile } from '../../../hardware-profiles/profile.ts'
import { nearest } from '../../../hardware-profiles/validate.ts'
import { OperatingError } from '../../core/errors.ts'

/** Names of fields from the record (or the step) inwards. */
export type Path = readonly string[]

/** A field that becomes a signal; `unit` is the UCUM code that its numbers are in. */
export interface SignalField {
  readonly path: Path
  readonly signal: string
  readonly unit: string
}

export interface RecordForm {
  /** Machine whose profile these records fit. */
  readonly machine: string
  /** Field with the tool's serial number; the unit's id is prefix and number. */
  readonly serial: { readonly path: Path; readonly prefix: string }
  /** Field with the date at which the curve begins, `YYYY-MM-DD hh:mm:ss` without a zone. */
  readonly date: Path
  /**
   * Field with the tool's own lifetime counter: one more each cycle, and the counter it becomes.
   */
  readonly cycle: { readonly path: Path; readonly counter: string }
  /** Fields that must have one value, as they give the units of others. */
  readonly fixed: readonly { readonly path: Path; readonly value: string }[]
  /** Field with the list of steps; a record of this form has one. */
  readonly steps: Path
  /** Arrays of equal length within a step, one element a point of the curve. */
  readonly curve: readonly SignalField[]
  /** The one of `curve` that is the time since the curve began, s. */
  readonly time: string
  /** Numbers of a step that hold for each of its points. */
  readonly perStep: readonly SignalField[]
}

/**
 * Cycle record of a Bosch Rexroth Nexo cordless nutrunner, as its controller exports it in JSON.
 * What its date means is not documented with the data: it is taken as the beginning of the cycle.
 */
const nexo: RecordForm = {
  machine: 'nutrunner',
  serial: { path: ['tool serial'], prefix: 'nexo-' },
  date: ['date'],
  cycle: { path: ['cycle'], counter: 'cycles' },
  fixed: [{ path: ['torque unit'], value: 'Nm' }],
  steps: ['tightening steps'],
  curve: [
    { path: ['graph', 'torque values'], signal: 'torque', unit: 'N.m' },
    { path: ['graph', 'angle values'], signal: 'angle', unit: 'deg' },
    { path: ['graph', 'time values'], signal: 'cycle_time', unit: 's' },
  ],
  time: 'cycle_time',
  perStep: [{ path: ['speed'], signal: 'speed', unit: '{rev}/min' }],
}

const forms: readonly RecordForm[] = [nexo]

/**
 * The form of a machine's records. Throws an OperatingError where none is known or it does not fit.
 */
export const formOf = (profile: Profile): RecordForm => {
  const form = forms.find(({ machine }) => machine === profile.machine)
  if (form === undefined) {
    const known = forms.map(({ machine }) => machine)
    throw new OperatingError('replay_form', {
      message: `no form of records is known for "${profile.machine}"`,
      remedy: `Known: ${known.join(', ')}${nearest(profile.machine, known)}.`,
    })
  }
  const { signals, counters } = profile
  const wrong = [...form.curve, ...form.perStep]
    .filter(({ signal, unit }) => signals[signal]?.unit !== unit)
    .map(({ signal, unit }) => `signal ${signal} in ${unit}`)
  if (counters[form.cycle.counter] === undefined) wrong.push(`counter ${form.cycle.counter}`)
  if (wrong.length > 0) {
    throw new OperatingError('replay_form', {
      message: `the profile ${profile.machine} lacks what its records carry: ${wrong.join(', ')}`,
      remedy: 'Give the machine file these names and units, or mend the form.',
    })
  }
  return form
}
