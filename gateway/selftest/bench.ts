// A board at a person's bench: its port opened, its hello heard, its machine file found and
// compared. What a command does with it then is the command's. Nothing is stored.
import { randomBytes } from 'node:crypto'
import { loadProfiles } from '../../firmware/profiles.ts'
import type { Machine } from '../../firmware/selftest-faults.ts'
import { unitIdPattern } from '../../hardware-profiles/names.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import type { Clock } from '../core/clock.ts'
import { OperatingError, operatingError } from '../core/errors.ts'
import { profileDigest } from '../core/machine.ts'
import { openPort, type PortOptions, portsFound } from '../serial/port.ts'
import { DirectLine, type Wire } from '../sources/serial/direct.ts'
import { type Unit, unitOf } from './board.ts'

export type BenchPort = Wire & { close(): Promise<void> }
export const realPort = (options: PortOptions): Promise<BenchPort> => openPort(options)
/** Ports that are there, for a person who names none of them. */
export type ListPorts = () => Promise<readonly string[]>
export const realPorts: ListPorts = portsFound

export interface Bench {
  line: DirectLine
  unit: Unit
  profile: Profile
  machine: Machine
  close(): Promise<void>
}

interface Outside {
  open: typeof realPort
  ports: ListPorts
  clock: Clock
  io: { signal: AbortSignal }
}

/** Throws what a person can mend: a port, a board, a machine file that is not the board's. */
export const openBench = async (
  { port, baud, unit }: { port: string; baud: number; unit: string | undefined },
  { open, ports, clock, io }: Outside,
): Promise<Bench> => {
  const wire = await open({ path: port, baud }).catch(withPorts(ports))
  const nonce = (): number => randomBytes(4).readUInt32LE() || 1
  const line = new DirectLine({ wire, clock, nonce, signal: io.signal })
  const close = async (): Promise<void> => {
    line.close()
    await wire.close()
  }
  try {
    const hello = await line.hello().catch(withPorts(ports))
    const machines = loadProfiles()
    const profile = machines.profiles.get(hello.machine)
    const [spec] = Object.values(profile?.loops ?? {})
    const loop = spec && machines.loops.get(spec.kind)
    const safety = profile?.safety
    if (profile === undefined || spec === undefined || loop === undefined || safety === undefined) {
      throw new OperatingError('machine_unknown', {
        message: `the board is a "${hello.machine}", which no machine file here describes`,
        remedy: 'Put its machine file, with a safety section, into hardware-profiles/.',
      })
    }
    if (profileDigest(profile) !== hello.profile) {
      throw new OperatingError('profile_mismatch', {
        message: `the board was built for another version of ${hello.machine}'s machine file`,
        remedy: 'Flash it anew ("tenfold flash"), or put that version back.',
      })
    }
    const named = unitOf(hello, unit)
    if (!new RegExp(unitIdPattern).test(named.unit)) {
      throw new OperatingError('unit_unnamed', {
        message: `"${named.unit}" is no unit's id`,
        remedy: 'Give one with --unit.',
      })
    }
    line.accept()
    return { line, unit: named, profile, machine: { safety, loop, spec }, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** What a person may have meant where the port is not there, or no board answers on it. */
const wrongPort = ['port_absent', 'port_failed', 'board_silent']

/** Throws it again; where the port may be the wrong one, with the ports that there are. */
const withPorts =
  (ports: ListPorts) =>
  async (error: unknown): Promise<never> => {
    const known = operatingError(error)
    if (known === undefined || !wrongPort.includes(known.code)) throw error
    const { code, message, remedy } = known
    throw new OperatingError(code, { message, remedy: `${remedy} ${await said(ports)}` })
  }

/** A command that was not told its port or key. */
export const missing = async (command: string, ports: ListPorts): Promise<OperatingError> =>
  new OperatingError('usage', {
    message: '--port and --key are needed',
    remedy: `${await said(ports)} More: "tenfold help ${command}".`,
  })

const said = async (ports: ListPorts): Promise<string> => {
  const found = await ports()
  if (found.length === 0) return 'There is no serial port now: plug the board in.'
  return `Serial ports that are there now: ${found.join('; ')}.`
}
