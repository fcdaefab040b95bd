// The drill's own image on an emulated Pico, joined to a real gateway by a real pseudo-terminal.
// The gateway is killed, the plug is pulled, bytes are flipped both ways. What the embedded store
// has afterwards is what the board said, nothing twice and nothing else, and every item it was
// owed.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, test } from 'vitest'
import { storeFile } from '../../gateway/sinks/store/store.ts'
import { fieldOf } from '../../hardware-profiles/names.ts'
import { compilerInstalled, drill, imageOf } from '../boards/stand.ts'
import { messagesIn } from '../emu/hello.ts'
import { Pico } from '../emu/pico.ts'
import type { W25q } from '../emu/w25q.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { bytesOfWords, flashWith, wordsFor } from './kept.ts'
import { sleep, socatInstalled, Wire } from './wire.ts'

const ready = compilerInstalled() && socatInstalled()
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

interface Running {
  pico: Pico
  wire: Wire
  /** All that the board has sent. */
  said: number[]
  stop: () => Promise<void>
}

/** The board at its work, in slices between which this process hears its socket. */
const run = async (flash: W25q): Promise<Running> => {
  const { bin } = await imageOf(drill(), 'rp2040-pico', 'machine')
  const wire = new Wire()
  await wire.start()
  const said: number[] = []
  let fresh: number[] = []
  const pico = new Pico({
    ...{ bin, flash, analogue: () => 2048 + ((said.length * 7) & 3) },
    onUart: (byte) => fresh.push(byte),
  })
  const coming: number[] = []
  wire.onBytes = (bytes) => coming.push(...bytes)
  let isStopping = false
  const ended = (async () => {
    while (!isStopping) {
      for (let bytes = 11; bytes > 0 && coming.length > 0; bytes -= 1) {
        if (pico.feed(coming[0] as number)) coming.shift()
      }
      pico.run(125_000)
      if (fresh.length > 0) {
        said.push(...fresh)
        wire.send(Uint8Array.from(fresh))
        fresh = []
      }
      await new Promise((resume) => setImmediate(resume))
    }
  })()
  const stop = async (): Promise<void> => {
    isStopping = true
    await ended
    await wire.stop()
  }
  stops.push(stop)
  return { pico, wire, said, stop }
}

const dataFolder = (): string => {
  const data = mkdtempSync(join(tmpdir(), 'tenfold-serial-'))
  stops.push(() => rmSync(data, { recursive: true, force: true }))
  return data
}

const gatewayOn = async (data: string, { path }: Wire): Promise<GatewayProcess> => {
  const set = { 'sources.serial': JSON.stringify({ ports: [{ path }] }) }
  const gateway = await startGatewayProcess({ data, set })
  stops.push(() => gateway.kill())
  return gateway
}

const unitId = 'cordless-drill-e6605838832d912a'
interface Row {
  boot: number
  seq: number
  v: string
}
/** Rows of the store, by what the board calls them. */
const rowsOf = (data: string): Row[] => {
  const db = new DatabaseSync(join(data, 'store', storeFile), { readOnly: true })
  try {
    const rows = db.prepare('SELECT * FROM report_cordless_drill').all() as Record<string, number>[]
    return rows.map((row) => ({
      ...{ boot: Number(row['boot']), seq: Number(row['sequence']) },
      v: `${row['motor_current_a']} ${row['pack_voltage_v']} ${row[fieldOf('trigger', '%')]}`,
    }))
  } finally {
    db.close()
  }
}
const itemsOf = (data: string): { number: number; data: string }[] => {
  const db = new DatabaseSync(join(data, 'store', storeFile), { readOnly: true })
  try {
    const rows = db.prepare('SELECT number, data FROM item ORDER BY number').all()
    return rows.map((row) => ({
      number: Number(row['number']),
      data: Buffer.from(row['data'] as Uint8Array).toString('hex'),
    }))
  } finally {
    db.close()
  }
}
const readings = async (gateway: GatewayProcess): Promise<number> => {
  const answer = await fetch(new URL('api/units', gateway.pageUrl))
  const { units } = (await answer.json()) as { units: { unit: string; readings: number }[] }
  return units.find(({ unit }) => unit === unitId)?.readings ?? 0
}
const until = async (check: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await check())) await sleep(50)
}

test.runIf(ready)(
  'over kills, pulled plugs and flipped bits the store has what the board said, once',
  async () => {
    const items = [3, 80, 200, 5, 256].map((count, i) => wordsFor(i + 1, count))
    const flash = await flashWith(items.map((list) => `1 ${list.join(' ')}`))
    const { wire, said } = await run(flash)
    const data = dataFolder()

    let gateway = await gatewayOn(data, wire)
    await until(async () => (await readings(gateway)) > 5)
    await gateway.kill()

    gateway = await gatewayOn(data, wire)
    let before = await readings(gateway)
    await until(async () => (await readings(gateway)) > before + 5)
    await wire.unplug()
    await sleep(500)
    await wire.plug()
    before = await readings(gateway)
    await until(async () => (await readings(gateway)) > before + 5)

    let bytes = 0
    wire.spoil = (given) => {
      const spoilt = Buffer.from(given)
      for (let i = 0; i < spoilt.length; i += 1) {
        bytes += 1
        if (bytes % 311 === 0) spoilt[i] = (spoilt[i] as number) ^ (1 << (bytes & 7))
      }
      return spoilt
    }
    // Some twenty flipped bits, however long that takes.
    await until(() => bytes > 20 * 311)
    wire.spoil = (given) => given
    before = await readings(gateway)
    await until(async () => (await readings(gateway)) > before + 5)
    await until(() => itemsOf(data).length >= items.length)
    expect(await gateway.stop()).toBe(0)

    const reports = messagesIn(said).flatMap((one) => (one.is === 'report' ? [one] : []))
    const told = new Map(reports.map(({ boot, seq, v }) => [`${boot} ${seq}`, v]))
    const rows = rowsOf(data)
    expect(rows.length).toBeGreaterThan(20)
    const names = rows.map(({ boot, seq }) => `${boot} ${seq}`)
    expect(new Set(names).size).toBe(names.length)
    for (const { boot, seq, v } of rows) {
      const [trigger, , current, voltage] = told.get(`${boot} ${seq}`) ?? []
      expect(v).toBe(`${Number(current) / 1000} ${Number(voltage) / 1000} ${Number(trigger) / 10}`)
    }
    // Behind them is what this boot had to tell by itself.
    expect(itemsOf(data).slice(0, items.length)).toEqual(
      items.map((list, i) => ({ number: i + 1, data: bytesOfWords(list) })),
    )
  },
  600_000,
)
