// Whether a board that says hello is taken: its machine must be known, its profile the gateway's
// own, its unit named, and heard on no other port. What is refused is refused with a reason that
// says what to do. Pure but for the claim.
import { namePattern, unitIdPattern } from '../../../hardware-profiles/names.ts'
import { didOf } from '../../attestation/did.ts'
import type { Machine } from '../../core/machine.ts'
import type { UnitFacts } from '../../core/source.ts'
import type { HelloMessage } from './messages.ts'

/** Reasons of a refusal; the number goes to the board. */
export const refusals = {
  machine_unknown: 1,
  profile_mismatch: 2,
  unit_unnamed: 3,
  schema: 4,
  unit_twice: 5,
  version: 6,
} as const
export type RefusalCode = keyof typeof refusals

export const refusalRemedies: Readonly<Record<RefusalCode, string>> = {
  machine_unknown: 'Add its file to hardware-profiles, and start the gateway again.',
  profile_mismatch:
    'Flash the board with the present profile, or put back the one it was built for.',
  unit_unnamed: 'Give the port a "unit" in sources.serial.ports.',
  schema: 'Flash the board anew: its dictionary does not fit the profile that it states.',
  unit_twice: 'Give the ports different units, or unplug one of the two boards.',
  version: 'Bring the older of the two up to date: gateway, or firmware.',
}

export type Judged =
  | { unit: string; machine: Machine; refusal?: undefined }
  | { unit: string | undefined; refusal: { code: RefusalCode; number: number; detail: string } }

export interface Judges {
  readonly unit: string | undefined
  readonly machines: ReadonlyMap<string, Machine>
  claim(unit: string): boolean
}

export const judge = (hello: HelloMessage, { unit: named, machines, claim }: Judges): Judged => {
  const machine = machines.get(hello.machine)
  if (!machineName.test(hello.machine)) {
    const detail = 'the board states a machine that has no name of ours: is this its line?'
    return { unit: undefined, refusal: { code: 'machine_unknown', number: 1, detail } }
  }
  const made = `${hello.machine.replaceAll('_', '-')}-${hello.id}`
  const unit = named ?? (hello.id !== '' && unitId.test(made) ? made : undefined)
  const refuse = (code: RefusalCode, detail: string): Judged => ({
    unit,
    refusal: { code, number: refusals[code], detail },
  })
  if (unit === undefined) {
    return refuse('unit_unnamed', `${hello.board} states no number of its chip: give "unit"`)
  }
  if (machine === undefined) {
    const known = [...machines.keys()].join(', ')
    return refuse('machine_unknown', `there is no profile of "${hello.machine}", only ${known}`)
  }
  if (machine.digest !== hello.profile) {
    const [theirs, ours] = [hello.profile.slice(0, 12), machine.digest.slice(0, 12)]
    return refuse(
      'profile_mismatch',
      `${unit} was built for profile ${theirs}…, this gateway has ${ours}…: flash it anew`,
    )
  }
  if (!claim(unit)) return refuse('unit_twice', `${unit} is heard on another port already`)
  return { unit, machine }
}

const unitId = new RegExp(unitIdPattern)
const machineName = new RegExp(namePattern)
const custodies: Readonly<Record<number, string>> = { 1: 'secure_element', 2: 'controller_flash' }

/** The hello as the pipeline knows it; `machine` where the board is taken for one. */
export const helloPayload = (hello: HelloMessage, machine?: Machine): Uint8Array => {
  const { boot, uptimeUs, profile, firmware, key, custody, finds = 0 } = hello
  // By the profile that both have: by another one a bit would mean another event.
  const types = machine?.profile.events.flatMap(({ type }, i) =>
    i < 32 && ((finds >>> i) & 1) === 1 ? [type] : [],
  )
  const stated = custodies[custody ?? 0]
  return Buffer.from(
    JSON.stringify({
      ...{ boot, t: uptimeUs, profile, firmware },
      ...(key !== undefined && { key: didOf(key) }),
      ...(key !== undefined && stated !== undefined && { custody: stated }),
      ...(types !== undefined && types.length > 0 && { finds: types }),
    }),
  )
}

export const factsOf = (
  { boot, uptimeUs, machine, board, profile, firmware, key }: HelloMessage,
  how: Pick<UnitFacts, 'isTaken' | 'reports'>,
): UnitFacts => ({ boot, uptimeUs, machine, board, profile, firmware, key, ...how })

/** Whether a later hello is of the same start of the board, with the same key. */
export const isSameRun = (one: HelloMessage, later: HelloMessage): boolean =>
  one.boot === later.boot &&
  one.uptimeUs <= later.uptimeUs &&
  Buffer.compare(one.key ?? Buffer.of(), later.key ?? Buffer.of()) === 0
