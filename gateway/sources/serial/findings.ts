// What `tenfold doctor` says of serial ports: where a unit is heard, how clean its line is, and why
// a board is not taken. Pure: from the file that the running gateway writes.
import type { Finding } from '../../diagnosis.ts'
import { refusalRemedies } from './hello.ts'
import type { SerialHealth } from './status.ts'

type Port = SerialHealth['ports'][number]

/** Older than this, and the gateway that wrote it is not running any more. */
const freshUs = 15_000_000

/** All ports, or those where the unit is heard; those that are in trouble are always there. */
export const serialFindings = (
  health: SerialHealth | undefined,
  { unit, nowUs }: { unit: string | undefined; nowUs: number },
): Finding[] => {
  if (health === undefined || nowUs - health.atUs > freshUs) return []
  return health.ports.flatMap((port) => {
    const isOther = unit !== undefined && port.line?.unit !== undefined && port.line.unit !== unit
    return isOther ? [] : [findingOf(port)]
  })
}

const findingOf = (port: Port): Finding => {
  const { name, isOpen, trouble, line, heldBack } = port
  if (!isOpen || line === undefined) {
    const remedy = 'Plug the board in, check the setting sources.serial and who may open the port.'
    return bad(`${name} is not open: ${trouble ?? 'not yet tried'}`, remedy)
  }
  if (line.refusal !== undefined) {
    return bad(`${name}: ${line.refusal.detail}`, refusalRemedies[line.refusal.code])
  }
  const errors =
    `${line.damaged} frames damaged, ${line.malformed} wrong, ${line.dropped} reports dropped; ` +
    `the board counts ${line.boardDamaged} damaged and ${line.boardLost} bytes lost`
  if (line.state !== 'speaking') {
    const remedy = 'Check that the board is powered, TX to RX, and that both have the same speed.'
    return bad(`${name} is open, and no board answers there; ${errors}`, remedy)
  }
  const heard = `${line.unit} is heard on ${name}: ${line.reports} reports, ${line.items} items`
  const wrong = line.damaged + line.malformed + line.boardDamaged + line.boardLost
  if (heldBack > 0 || wrong * 100 > line.frames) {
    const remedy = 'Check the cable, its ground and its length; keep it away from motor wires.'
    return { station: 'serial', verdict: 'note', text: `${heard}; ${errors}`, remedy }
  }
  return { station: 'serial', verdict: 'good', text: `${heard}; ${errors}` }
}

const bad = (text: string, remedy: string): Finding => ({
  ...{ station: 'serial', verdict: 'bad' },
  ...{ text, remedy },
})
