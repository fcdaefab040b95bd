// What `firmware/boards/<board>/board.json` may say, and reading it: core, memories, pins, flags,
// which emulator runs the board and what it cannot prove. There is no registry: a folder with a
// board.json is a board. Knows no machine.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readJson } from '../hardware-profiles/json-places.ts'
import { mistakesIn, nearest, type Static, Type } from '../hardware-profiles/validate.ts'
import { shownPlace } from './finding.ts'
import { ToolError } from './tool-error.ts'

const closed = { additionalProperties: false } as const
const Text = Type.String({ minLength: 1, maxLength: 300 })
const Memory = Type.Object({ bytes: Type.Integer({ minimum: 1024 }) }, closed)
const Bytes = Type.Integer({ minimum: 1 })
const Part = Type.Object({ at: Type.Integer({ minimum: 0 }), bytes: Bytes }, closed)

/** With `parts` the board has a driver that writes its flash, and keeps what it must not forget. */
const Flash = Type.Object(
  {
    bytes: Type.Integer({ minimum: 1024 }),
    chip: Type.Optional(Text),
    sectorBytes: Type.Optional(
      Type.Integer({ description: 'What one erase clears; of what is kept, where they differ.' }),
    ),
    sectors: Type.Optional(
      Type.Array(Bytes, { description: 'Bytes of each, from the start, where they differ.' }),
    ),
    pageBytes: Type.Optional(Type.Integer({ description: 'What one program can write.' })),
    journalSeconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10, description: 'Of use that a power cut may take.' }),
    ),
    usageSeconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 600, description: 'In use between two keeps of usage.' }),
    ),
    tellSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1800,
        description: 'In use between two tellings of it.',
      }),
    ),
    eraseCycles: Type.Optional(
      Type.Integer({ minimum: 1, description: 'Erases of a sector that its maker promises.' }),
    ),
    parts: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z][a-z_]*$' }), Part, {
        description: 'What lies where, as offsets from the start of the flash.',
      }),
    ),
  },
  closed,
)

const Pin = Type.Object(
  {
    number: Type.Integer({ minimum: 0, maximum: 255 }),
    pwm: Type.Optional(
      Type.String({ pattern: '^[0-9]+[AB]$', description: 'Slice and side that can drive it.' }),
    ),
    analogue: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 31, description: "The converter's channel." }),
    ),
    taken: Type.Optional(Text),
  },
  closed,
)

const Steps = Type.Array(Text, { description: 'What a person does, in order.' })
const Ids = Type.Array(Text, { minItems: 1, description: 'What the board calls itself there.' })

/** A way to put an image onto the board; the first is the usual one. */
const Flashing = Type.Union([
  Type.Object(
    { method: Type.Enum(['uf2', 'daplink']), ids: Ids, steps: Steps },
    { ...closed, description: 'A drive that appears, with a file that says which board it is.' },
  ),
  Type.Object(
    {
      method: Type.Literal('dfu'),
      ids: Ids,
      layout: Type.String({ description: 'Sectors of its flash, as its loader names them.' }),
      steps: Steps,
    },
    { ...closed, description: "The chip's own loader on USB, by dfu-util." },
  ),
  Type.Object(
    {
      method: Type.Literal('openocd'),
      ids: Ids,
      config: Type.Array(Type.String({ pattern: '^[a-z0-9/_.-]+$' })),
      idRegister: Type.String({ pattern: '^0x[0-9a-f]+$' }),
      idMask: Type.String({ pattern: '^0x[0-9a-f]+$' }),
      steps: Steps,
    },
    { ...closed, description: 'A debug probe, by OpenOCD.' },
  ),
])

/** What a step takes beside loop and kernel, as measured, in cycles of the core. */
const Sampling = Type.Object({ cycles: Type.Integer({ minimum: 1 }), how: Text }, closed)

/** Cycles that memory adds to what the core's manual says. */
const Wait = Type.Integer({ minimum: 0, maximum: 100 })
const Waits = Type.Object({ fetch: Wait, access: Wait, peripheral: Wait, how: Text }, closed)

export const BoardSchema = Type.Object(
  {
    board: Type.String({ pattern: '^[a-z0-9][a-z0-9-]*$' }),
    title: Text,
    core: Text,
    clockHz: Type.Integer({ minimum: 1_000_000 }),
    flags: Type.Array(Type.String({ pattern: '^-' })),
    flash: Flash,
    ram: Memory,
    stackBytes: Type.Integer({
      minimum: 64,
      description: 'The most that is reserved: an image takes what its deepest way needs.',
    }),
    exceptionBytes: Type.Integer({ description: 'What one exception puts on the stack.' }),
    boot: Type.Optional(Type.String({ description: 'Second stage, checked by the chip.' })),
    formats: Type.Array(Type.Enum(['uf2', 'hex', 'bin'])),
    uf2Family: Type.Optional(Type.Integer()),
    flashAddress: Type.Integer({ minimum: 0 }),
    flashing: Type.Array(Flashing, { minItems: 1 }),
    analogueVolts: Type.Optional(Type.Number({ description: 'Full scale of the converter.' })),
    analogueCounts: Type.Optional(Type.Integer()),
    drivesPins: Type.Boolean({ description: 'False: only the test build exists.' }),
    drivesSwitches: Type.Optional(
      Type.Boolean({
        description: 'Machines without a bridge, too: what drives is on or off (valves, heaters).',
      }),
    ),
    pins: Type.Record(Type.String(), Pin),
    waits: Waits,
    sampling: Type.Record(Type.String(), Sampling, { description: 'By the kind of loop.' }),
    key: Type.Optional(
      Type.Object(
        { custody: Type.Enum(['controller_flash', 'secure_element']), extractable: Type.Boolean() },
        closed,
      ),
    ),
    emulator: Type.Object({ name: Text, proves: Type.Array(Text) }, closed),
    unproven: Type.Array(Text),
  },
  closed,
)

export type Board = Static<typeof BoardSchema> & { folder: string }
export type BoardPin = Static<typeof Pin>
export type FlashMethod = Static<typeof Flashing>

/** Where each sector of a board's flash begins, and its end. */
export const sectorStarts = ({
  flash: { bytes, sectorBytes = 4096, sectors = [] },
}: Pick<Board, 'flash'>): readonly number[] => {
  const starts = [0]
  for (let at = 0; at < bytes; starts.push(at)) at += sectors[starts.length - 1] ?? sectorBytes
  return starts
}

/** Where the project keeps its boards. */
export const boardsFolder = join(import.meta.dirname, 'boards')

/** Names of all boards, sorted. */
export const boardNames = (): string[] =>
  readdirSync(boardsFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()

/** Reads and checks one board. Throws ToolError where there is none, or its file is wrong. */
export const loadBoard = (name: string): Board => {
  const names = boardNames()
  if (!names.includes(name)) {
    throw new ToolError('board_unknown', {
      message: `there is no board "${name}"${nearest(name, names)}; known: ${names.join(', ')}`,
      remedy:
        name === 'sim'
          ? 'The twin runs in this process and needs no image: npx tenfold twin.'
          : 'Name one of these, or add a folder to firmware/boards.',
    })
  }
  const folder = join(boardsFolder, name)
  const file = join(folder, 'board.json')
  const read = readJson(readFileSync(file, 'utf8'))
  const wrong = read.ok
    ? mistakesIn(BoardSchema, read.value).map(
        ({ path, message }) => `${shownPlace(file, read.placeOf(path))}: ${path}: ${message}`,
      )
    : [`${shownPlace(file, read.place)}: ${read.message}`]
  if (!read.ok || wrong.length > 0) {
    const remedy = 'Correct the board file at the lines named.'
    throw new ToolError('board_wrong', { message: wrong.join('\n'), remedy })
  }
  return { ...(read.value as Static<typeof BoardSchema>), folder }
}

/** Where something stands in a board's file. */
export const placeInBoard = ({ folder }: Pick<Board, 'folder'>, pointer: string): string => {
  const file = join(folder, 'board.json')
  const read = readJson(readFileSync(file, 'utf8'))
  return read.ok ? shownPlace(file, read.placeOf(pointer)) : shownPlace(file, read.place)
}
