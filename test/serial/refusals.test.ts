// Ports that cannot be opened, each for its own reason and on a real one, and boards that fall
// silent while a person asks them something.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { openPort } from '../../gateway/serial/port.ts'
import { DirectLine } from '../../gateway/sources/serial/direct.ts'
import { FakeBoard } from './board.ts'
import { profile } from './stand.ts'
import { socatInstalled, Wire } from './wire.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const opening = (path: string): Promise<unknown> =>
  openPort({ path, baud: 115_200 }).then(
    (port) => port.close(),
    (error: unknown) => error,
  )

describe('a port that cannot be opened', () => {
  test('port_absent: no such file', async () => {
    expect(await opening('/dev/tenfold-none')).toMatchObject({
      code: 'port_absent',
      remedy: expect.stringContaining('Plug the board in'),
    })
  })

  // A file of the kernel's that nobody may write to, also not who may do everything.
  test.runIf(process.platform === 'linux')('port_refused: it may not be opened', async () => {
    expect(await opening('/proc/sys/kernel/ostype')).toMatchObject({
      code: 'port_refused',
      remedy: expect.stringContaining('dialout'),
    })
  })

  test('port_failed: it is no serial port', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tenfold-noport-'))
    stops.push(() => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'file'), '')
    expect(await opening(join(folder, 'file'))).toMatchObject({ code: 'port_failed' })
  })

  test.runIf(socatInstalled())('port_busy: another program has it', async () => {
    const wire = new Wire()
    await wire.start()
    stops.push(() => wire.stop())
    const first = await openPort({ path: wire.path, baud: 115_200 })
    stops.push(() => first.close())
    expect(await opening(wire.path)).toMatchObject({ code: 'port_busy' })
  })
})

describe('a board that a person asks', () => {
  /** Waits take no time; the board answers greetings while it is `awake`. */
  const line = () => {
    const state = { awake: true }
    let listener: (bytes: Uint8Array) => void = () => {}
    const board = new FakeBoard(profile, (bytes) => listener(bytes))
    const direct = new DirectLine({
      wire: {
        onData: (listening) => {
          listener = listening
        },
        write: (bytes) => {
          board.hear(bytes)
          const { kind, fields } = board.heard.at(-1) ?? { kind: 'ack', fields: [] }
          if (state.awake && kind === 'greet') board.sayHello(Number(fields[0]))
        },
      },
      clock: { nowUs: () => 0, monotonicMs: () => 0, sleep: () => Promise.resolve() },
      nonce: () => 7,
      signal: new AbortController().signal,
    })
    return { state, direct, board }
  }

  test('board_silent: nobody answers a greeting', async () => {
    const { state, direct, board } = line()
    state.awake = false
    await expect(direct.hello()).rejects.toMatchObject({ code: 'board_silent' })
    expect(board.count('greet')).toBeGreaterThan(3)
  })

  test('board_lost: it said hello, and answers no more', async () => {
    const { state, direct, board } = line()
    expect(await direct.hello()).toMatchObject({ machine: profile.machine })
    state.awake = false
    const asked = direct.ask('makeKey', [new Uint8Array(32)])
    await expect(asked).rejects.toMatchObject({ code: 'board_lost' })
    expect(board.count('makeKey')).toBe(4)
  })
})
