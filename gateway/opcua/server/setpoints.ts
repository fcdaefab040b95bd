// The one thing that a client can do to a unit: give it setpoints, by a method, all of them at once
// and for a time that it names. The gateway's desk checks and sends them as any other command, and
// the unit obeys only while a hand holds it. What became of it is the status of the call.
import * as opcua from 'node-opcua'
import { opcUaNodeOf } from '../../../hardware-profiles/names.ts'
import { longestHoldMs, type Profile } from '../../../hardware-profiles/profile.ts'
import { unitOf } from '../../../hardware-profiles/units.ts'
import type { SetpointRequest } from '../../core/command.ts'
import type { Told } from './plan.ts'

export interface SetpointParts {
  namespace: opcua.Namespace
  profile: Profile
  unit: string
  machine: opcua.UAObject
  /** Asks the gateway to command the unit; never rejects. */
  give(request: SetpointRequest, user: string): Promise<Told>
}

/** Adds the method to a unit whose profile has setpoints. */
export const addSetpoints = (parts: SetpointParts): void => {
  const { namespace, profile, unit, machine, give } = parts
  const setpoints = Object.entries(profile.signals).filter(
    ([, { direction }]) => direction === 'setpoint',
  )
  if (setpoints.length === 0) return
  const method = namespace.addMethod(machine, {
    browseName: 'GiveSetpoints',
    description:
      'Gives all setpoints, in the units of the profile, for HoldFor; then the unit goes by its ' +
      'own. It is obeyed only while a hand holds the machine.',
    nodeId: opcUaNodeOf(unit, 'GiveSetpoints'),
    inputArguments: [
      ...setpoints.map(([name, spec]) => ({
        name,
        dataType: opcua.DataType.Double,
        description: `${spec.description}; ${spec.range?.join(' to ')} ${unitOf(spec.unit).label}`,
      })),
      {
        name: 'HoldFor',
        dataType: opcua.resolveNodeId(opcua.DataTypeIds.Duration),
        description: `How long they hold; 1 to ${longestHoldMs(profile)} ms`,
      },
    ],
    // Over a channel that is not even signed, anybody on the way could change the values.
    accessRestrictions: opcua.AccessRestrictionsFlag.SigningRequired,
  })
  method.bindMethod(async (given: opcua.Variant[], context: opcua.ISessionContext) => {
    const numbers = given.map(({ value }) => Number(value))
    const values = Object.fromEntries(
      setpoints.map(([name], i) => [name, numbers[i] ?? Number.NaN]),
    )
    const holdsMs = numbers[setpoints.length] ?? Number.NaN
    const told = await give({ kind: 'setpoint', values, holdsMs }, userOf(context))
    return { statusCode: statusOfTold(told), outputArguments: [] }
  })
}

/** Name of the user of a session. */
export const userOf = (context: opcua.ISessionContext): string => context.getUserName()

/** By the code of the desk's error, or by the unit's word (gateway/commands/README.md). */
const statuses: Readonly<Record<string, opcua.StatusCode>> = {
  setpoint_refused: opcua.StatusCodes.BadOutOfRange,
  beyond: opcua.StatusCodes.BadOutOfRange,
  unit_silent: opcua.StatusCodes.BadNoCommunication,
  unit_unknown: opcua.StatusCodes.BadNoCommunication,
  command_busy: opcua.StatusCodes.BadTooManyOperations,
  command_unanswered: opcua.StatusCodes.BadTimeout,
  disarmed: opcua.StatusCodes.BadInvalidState,
  stale: opcua.StatusCodes.BadInvalidState,
  malformed: opcua.StatusCodes.BadNotSupported,
  unknown: opcua.StatusCodes.BadNotSupported,
}

/** What a client is told of an outcome. */
export const statusOfTold = (told: Told): opcua.StatusCode => {
  const word = 'code' in told ? told.code : told.accepted ? undefined : (told.reason ?? '')
  if (word === undefined) return opcua.StatusCodes.Good
  return (
    (Object.hasOwn(statuses, word) ? statuses[word] : undefined) ??
    opcua.StatusCodes.BadUnexpectedError
  )
}
