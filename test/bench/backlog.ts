// Memory of a whole gateway: with an empty log, and with ten million records that nobody has read
// yet. The records are written by the log itself; then a gateway starts on them, and what it holds
// is looked at four times a second while it catches up. Linux only: it reads /proc.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Books } from '../../gateway/core/delivery.ts'
import { encodeRecord } from '../../gateway/core/record.ts'
import { realFiles } from '../../gateway/log/files.ts'
import { openLog } from '../../gateway/log/open.ts'
import { topicOf } from '../../hardware-profiles/names.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { machineLine } from './machine.ts'

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '10000000' },
    seconds: { type: 'string', default: '30' },
  },
})
const records = Number(values.records)
const seconds = Number(values.seconds)
const machine = 'cordless_drill'
// As the systemd unit sets it (tenfold service): without it, glibc keeps an arena a thread.
process.env['MALLOC_ARENA_MAX'] ??= '2'
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const bodyOf = (at: number): Buffer => {
  const unit = `backlog-${at % 50}`
  const seq = Math.floor(at / 50)
  const isHello = seq === 0
  const report = `{"boot":1,"seq":${seq},"t":${seq * 1000},"v":{"motor_current":${seq % 50},`
  return encodeRecord({
    ...{ receivedUs: 1_800_000_000_000_000 + seq * 1000, source: 'mqtt', session: 'bench-1' },
    topic: topicOf({ machine, unit, kind: isHello ? 'hello' : 'report' }),
    payload: Buffer.from(
      isHello ? '{"boot":1,"t":0}' : `${report}"pack_voltage":18.5,"trigger":50,"duty":40}}`,
    ),
    retained: false,
  })
}

const fill = async (folder: string): Promise<void> => {
  const log = await openLog({
    folder,
    files: realFiles(),
    clock: { nowUs: () => Date.now() * 1000, after: () => () => {} },
    random: (bytes) => randomBytes(bytes),
    retention: { maxBytes: 2 ** 40, reserveBytes: 0, maxAgeMs: Infinity, floor: () => 0 },
  })
  for (let from = 0; from < records; from += 10_000) {
    let open = Math.min(10_000, records - from)
    await new Promise<void>((resolve, reject) => {
      for (let at = from; at < Math.min(from + 10_000, records); at += 1) {
        log.append(bodyOf(at), false, (error) => {
          if (error !== undefined) reject(error)
          open -= 1
          if (open === 0) resolve()
        })
      }
    })
  }
  await log.close()
}

const residentMb = ({ child }: GatewayProcess): number => {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
}

const watch = async (data: string): Promise<{ mostMb: number; left: number; readPerS: number }> => {
  const gateway = await startGatewayProcess({ data, set: { 'log.bytesMax': 2 ** 40 } })
  let mostMb = 0
  for (let look = 0; look < seconds * 4; look += 1) {
    mostMb = Math.max(mostMb, residentMb(gateway))
    await sleep(250)
  }
  const books = (await (await fetch(new URL('/api/books', gateway.pageUrl))).json()) as Books[]
  const [store] = books
  await gateway.kill()
  const done = store === undefined ? 0 : store.received - store.pending
  return { mostMb, left: store?.pending ?? 0, readPerS: done / seconds }
}

console.log(machineLine())
for (const [what, filled] of [
  ['empty log', false],
  [`backlog of ${records.toLocaleString('en')} records`, true],
] as const) {
  const data = mkdtempSync(join(tmpdir(), 'tenfold-backlog-'))
  try {
    if (filled) await fill(join(data, 'log'))
    const { mostMb, left, readPerS } = await watch(data)
    const rate = filled ? `, ${Math.round(readPerS).toLocaleString('en')} records/s read` : ''
    console.log(
      `${what}: at most ${Math.round(mostMb)} MB resident in ${seconds} s (goal 200)${rate}, ` +
        `${left.toLocaleString('en')} left`,
    )
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}
