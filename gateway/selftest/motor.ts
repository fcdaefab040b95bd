// The motor, after its unit was calibrated: resistance with a locked rotor, and direction. The
// person drives it by its own trigger, through loop and safety kernel, on a current-limited supply;
// this only reads what they do and judges it. It has no way to move anything.
import { measurableOf } from '../../firmware/loop-kind.ts'
import type { Machine } from '../../firmware/selftest-faults.ts'
import { OperatingError } from '../core/errors.ts'
import type { CalibrationMessage } from '../sources/serial/messages.ts'
import { type CommissionBoard, currentError } from './commission.ts'

/** Means while the rotor was locked. */
export interface MotorMeasured {
  /** Winding, brushes, wires and bridge together: duty * voltage / current. */
  resistanceOhm: number
  /** The same at 20 Cel, by copper's 0.393 % per K and the motor's own sensor: what is stored. */
  coldOhm: number
  motorCel: number
  /** By the machine file. */
  nominalOhm: number
  /** Share of the on-time, 0 to 1. */
  duty: number
  voltageV: number
  currentA: number
  /** The person saw it turn forward with the bridge forward. */
  turns: 'forward'
}

const readings = 48
/** A locked rotor at more than this gets hot before it is measured. */
const dutyMost = 0.15
/** Below this the sensor's own error says too much of the resistance. */
const currentLeastA = 10 * currentError.amps
/** Share of its resistance at 20 Cel that copper gains per K; as in the loop. */
const copperPerKelvin = 0.00393
const constant = 'winding_resistance'

/** With the loop's constants. */
type MotorMachine = Machine & { spec: { constants: Readonly<Record<string, number>> } }

interface Drive {
  duty: number
  turn: number
  voltageV: number
  currentA: number
  motorCel: number
  cause: number
}

/** All steps. Throws where the motor is not the machine file's; then nothing is to be kept. */
export const measureMotor = async (
  board: Pick<CommissionBoard, 'read' | 'confirm' | 'answer'>,
  machine: MotorMachine,
): Promise<MotorMeasured> => {
  const nominalOhm = machine.spec.constants[constant]
  const driveOf = driveReader(machine)
  if (nominalOhm === undefined || driveOf === undefined) throw noMotor()
  await board.confirm(
    'Is the motor connected, its rotor locked, the supply limited to 2 A, and are hands clear?',
  )
  await board.confirm('Pull the trigger lightly and hold it: does the motor hum and not turn?')
  const sum = { duty: 0, voltageV: 0, currentA: 0, appliedV: 0, motorCel: 0 }
  for (let i = 0; i < readings; i += 1) {
    const { duty, voltageV, currentA, motorCel } = driven(driveOf(await board.read()))
    if (duty > dutyMost) throw tooMuch(duty)
    sum.duty += duty
    sum.voltageV += voltageV
    sum.currentA += currentA
    sum.appliedV += duty * voltageV
    sum.motorCel += motorCel
  }
  await board.confirm('Is the trigger released?')
  const [currentA, appliedV] = [sum.currentA / readings, sum.appliedV / readings]
  const motorCel = sum.motorCel / readings
  const resistanceOhm = ohmOf({ currentA, appliedV })
  const coldOhm = resistanceOhm / (1 + copperPerKelvin * (motorCel - 20))
  judge(coldOhm, nominalOhm, machine.loop.constants[constant]?.measured)
  await board.confirm('Is the rotor free, the direction switch on forward, and are hands clear?')
  await board.confirm('Pull the trigger lightly and hold it: does the motor turn?')
  if (driven(driveOf(await board.read())).turn !== 0) throw notForward()
  const way = await board.answer('Does it turn forward, as its maker means it? (yes/no)')
  if (!/^(y|yes)$/i.test(way.trim())) throw turnsBack()
  await board.confirm('Is the trigger released, and has the motor stopped?')
  const means = { duty: sum.duty / readings, voltageV: sum.voltageV / readings, currentA }
  return { resistanceOhm, coldOhm, motorCel, nominalOhm, ...means, turns: 'forward' }
}

/** What the board is to use, in the order and the integers of the loop's measurable constants. */
export const measuredOf = (
  { loop, spec }: MotorMachine,
  { coldOhm }: Pick<MotorMeasured, 'coldOhm'>,
): number[] =>
  measurableOf(loop, spec.constants).map(({ name, scale }) =>
    name === constant ? Math.round(coldOhm / scale) : 0,
  )

/** Undefined where the machine has no bridge, no current or no voltage to read. */
const driveReader = ({
  safety,
  loop,
  spec,
}: Machine): ((said: CalibrationMessage) => Drive) | undefined => {
  const output = (signal: string | undefined): number =>
    loop.outputs.findIndex(({ name }) => signal !== undefined && spec.channels[name] === signal)
  const dutyAt = output(safety.drives[0])
  const turnAt = output(safety.turn)
  const currentAt = loop.inputs.findIndex(
    ({ name }) => spec.channels[name] === safety.current?.signal,
  )
  const voltageAt = loop.inputs.findIndex(({ unit }) => unit === 'V')
  const warmthAt = loop.inputs.findIndex(({ name }) => name === 'motor_temperature')
  if (Math.min(dutyAt, currentAt, voltageAt, warmthAt) < 0) return undefined
  const inputOf = ({ inputs }: CalibrationMessage, at: number): number =>
    (inputs[at] ?? 0) * (loop.inputs[at]?.scale ?? 1)
  return (said) => ({
    duty: ((said.outputs[dutyAt] ?? 0) * (loop.outputs[dutyAt]?.scale ?? 1)) / 100,
    turn: said.outputs[turnAt] ?? 0,
    voltageV: inputOf(said, voltageAt),
    currentA: inputOf(said, currentAt),
    motorCel: inputOf(said, warmthAt),
    cause: said.cause,
  })
}

const driven = (drive: Drive): Drive => {
  if (drive.duty > 0) return drive
  throw new OperatingError('motor_not_driven', {
    message:
      drive.cause === 0 ? 'the motor is not driven now' : 'a trip is latched: nothing is driven',
    remedy: 'Begin again, and hold the trigger until the next question; or clear the trip first.',
  })
}

const ohmOf = ({ currentA, appliedV }: { currentA: number; appliedV: number }): number => {
  if (!(currentA >= currentLeastA)) {
    throw new OperatingError('motor_current_low', {
      message: `only ${currentA.toFixed(2)} A flow; at least ${currentLeastA} A are needed`,
      remedy: 'Check that the motor is connected; pull a little further; then begin again.',
    })
  }
  return appliedV / currentA
}

/** Throws where it cannot be the motor of the machine file: shares of its resistance. */
const judge = (
  ohm: number,
  nominalOhm: number,
  bounds: { least: number; most: number } | undefined,
): void => {
  if (bounds === undefined) throw noMotor()
  const [least, most] = [nominalOhm * bounds.least, nominalOhm * bounds.most]
  if (ohm >= least && ohm <= most) return
  throw new OperatingError('resistance_implausible', {
    message: `at 20 Cel ${ohm.toFixed(3)} Ohm, not ${least.toFixed(3)} to ${most.toFixed(3)} Ohm`,
    remedy: 'Was the rotor locked? Else check motor, wires and brushes, or the machine file.',
  })
}

const noMotor = (): OperatingError =>
  new OperatingError('nothing_to_measure', {
    message: 'the machine names no winding_resistance, bridge, current, voltage or temperature',
    remedy: 'Leave --motor out: the unit is calibrated without it.',
  })

const tooMuch = (duty: number): OperatingError =>
  new OperatingError('duty_high', {
    message: `${(duty * 100).toFixed(1)} % duty on a locked rotor; at most ${dutyMost * 100} %`,
    remedy: 'Let go, let the motor cool, and begin again with less trigger.',
  })

const notForward = (): OperatingError =>
  new OperatingError('direction_switch', {
    message: 'the bridge drives in reverse',
    remedy: 'Put the direction switch on forward, or check its wire, and begin again.',
  })

const turnsBack = (): OperatingError =>
  new OperatingError('direction_wrong', {
    message: 'the motor turns the wrong way; nothing of it was stored',
    remedy: 'Let go, cut the power, swap the two wires of the motor, and begin again.',
  })
