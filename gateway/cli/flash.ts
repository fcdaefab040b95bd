// `tenfold flash`: puts an image onto a board that is joined to this machine. A board that is not
// the one that the image is for is refused by what it calls itself. It builds nothing.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Board, boardNames, type FlashMethod, loadBoard } from '../../firmware/boards.ts'
import { driveFiles } from '../../firmware/flash/drives.ts'
import { imagesIn, type ReadyImage, readImage, stockFolder } from '../../firmware/flash/images.ts'
import { type Outside, realOutside } from '../../firmware/flash/outside.ts'
import { findTargets, type Target, type Wanted } from '../../firmware/flash/targets.ts'
import { endingOf, flash } from '../../firmware/flash/write.ts'
import { nearest } from '../../hardware-profiles/validate.ts'
import { didOf } from '../attestation/did.ts'
import { OperatingError } from '../core/errors.ts'
import type { Io } from './io.ts'

export const summary = "puts a machine's image onto a board"
export const usage = `usage: tenfold flash [options]

  --profile <machine>   the stock image of this machine, such as cordless-drill
  --image <file>        an image of "tenfold build" instead: .uf2, .hex or .bin, its .json beside it
  --board <board>       only this board (${boardNames().join(', ')}), not any that is there
  --exercise            the test build of the stock images: drives no pin
  --method <way>        uf2, daplink, dfu or openocd; without it, whatever is found (no debug probe)
  --drive <folder>      the board's drive, where it is not found by itself
  --wait <seconds>      how long to wait for the board; default 60
  --dry-run             says what would happen, and writes nothing; waits for no board

Finds the board, refuses a wrong one, writes with a progress bar and checks that the board took it.
Disconnect the motor's power first.`

const methods = ['uf2', 'daplink', 'dfu', 'openocd'] as const

/** Runs the command: 0, or an error that says what to do. */
export const run = (args: string[], io: Io): Promise<number> =>
  runOn(args, io, realOutside(io.env['PATH']))

/** The same, with the outside given. */
export const runOn = async (args: string[], io: Io, outside: Outside): Promise<number> => {
  const { values } = parseArgs({
    args,
    options: {
      profile: { type: 'string' },
      image: { type: 'string' },
      board: { type: 'string' },
      exercise: { type: 'boolean', default: false },
      method: { type: 'string' },
      drive: { type: 'string' },
      wait: { type: 'string', default: '60' },
      'dry-run': { type: 'boolean', default: false },
    },
  })
  const images = candidates(values, io)
  const boards = boardsFor(images, values.board)
  const method = methodOf(values.method)
  const drive = values.drive === undefined ? undefined : resolve(io.cwd, values.drive)
  const seconds = secondsOf(values.wait)
  const isDry = values['dry-run']
  const wanted = { boards, method, drive }
  const target = await theTarget({ wanted, seconds: isDry ? 0 : seconds, isDry, io, outside })
  if (target === undefined) {
    for (const board of boards) {
      print(imageFor(images, board), { board, method: method ?? usual(board) }, io)
      for (const line of steps([board])) io.out(line)
    }
    io.out('dry run: no board is ready; nothing was written')
    return 0
  }
  const image = imageFor(images, target.board)
  print(image, target, io)
  if (isDry) {
    io.out('dry run: nothing was written')
    return 0
  }
  const bar = progressBar(io)
  const proof = await flash({ target, payload: image, outside, progress: bar })
  io.out(`flashed and checked: ${proof}`)
  return 0
}

interface Choice {
  profile?: string | undefined
  image?: string | undefined
  exercise: boolean
}

/** The images that may be meant: one for each board. */
const candidates = ({ profile, image, exercise }: Choice, { cwd }: Io): ReadyImage[] => {
  if (image !== undefined) return [forRealBoard(readImage(resolve(cwd, image)))]
  const purpose = exercise ? 'exercise' : 'machine'
  const stock = imagesIn(stockFolder).filter(({ manifest }) => manifest.purpose === purpose)
  const names = [...new Set(stock.map(({ manifest }) => manifest.machine.replaceAll('_', '-')))]
  const wanted = profile?.replaceAll('_', '-')
  if (wanted !== undefined && names.includes(wanted)) {
    return stock.filter(({ manifest }) => manifest.machine.replaceAll('_', '-') === wanted)
  }
  throw new OperatingError('image_unknown', {
    message:
      wanted === undefined
        ? `say which machine with --profile (${names.join(', ')}), or give an --image`
        : `no stock image of "${wanted}"${nearest(wanted, names)}; there are: ${names.join(', ')}`,
    remedy: 'Name one of these, or build your own (npx tenfold build) and give it with --image.',
  })
}

/** Readings from the line in the place of the pins would leave the safety kernel blind. */
const forRealBoard = (image: ReadyImage): ReadyImage => {
  if (image.manifest.purpose !== 'test_inputs') return image
  throw new OperatingError('image_test_inputs', {
    message: `${image.name} takes its readings over the line, not from pins: for emulators only`,
    remedy: 'Build it for a board: npx tenfold build without --test-inputs.',
  })
}

const boardsFor = (images: readonly ReadyImage[], given: string | undefined): Board[] => {
  if (given !== undefined) loadBoard(given)
  const names = [...new Set(images.map(({ manifest }) => manifest.board))]
  const chosen = given === undefined ? names : names.filter((name) => name === given)
  if (chosen.length > 0) return chosen.map(loadBoard)
  const machine = images[0]?.manifest.machine.replaceAll('_', '-')
  throw new OperatingError('image_other_board', {
    message: `the image of ${machine} is for ${names.join(', ')}, not for ${given}`,
    remedy:
      `Build one, and give it with --image: npx tenfold build --profile ${machine} ` +
      `--board ${given}; its file must have the machine's pins on that board.`,
  })
}

const methodOf = (given: string | undefined): (typeof methods)[number] | undefined => {
  const method = methods.find((each) => each === given)
  if (given === undefined || method !== undefined) return method
  throw new OperatingError('usage', {
    message: `--method ${given} is not known; known: ${methods.join(', ')}`,
    remedy: 'See "tenfold help flash".',
  })
}

const secondsOf = (given: string): number => {
  const seconds = Number(given)
  if (given !== '' && seconds >= 0 && seconds <= 3600) return seconds
  throw new OperatingError('usage', {
    message: `--wait ${given} is not a number of seconds from 0 to 3600`,
    remedy: 'See "tenfold help flash".',
  })
}

interface Search {
  wanted: Wanted
  seconds: number
  /** Looks once, and gives nothing where no board is there. */
  isDry: boolean
  io: Io
  outside: Outside
}

/** The one board that fits, waited for; says once how to make it ready. */
const theTarget = async (search: Search): Promise<Target | undefined> => {
  const { wanted, seconds, isDry, io, outside } = search
  for (let waited = 0; ; waited += 0.5) {
    const { targets, strangers } = await findTargets(wanted, outside)
    const [target, second] = targets
    if (target !== undefined && second === undefined) return target
    if (second !== undefined) throw several(targets)
    const [stranger] = strangers
    if (stranger !== undefined) throw wrongBoard(stranger, wanted.boards)
    if (isDry) return undefined
    if (waited >= seconds || io.signal.aborted) throw noBoard(wanted)
    if (waited === 0) {
      io.out(`no board is ready yet${isNone(wanted.drive)}; waiting for one:`)
      for (const line of steps(wanted.boards)) io.out(line)
    }
    await outside.sleep(500)
  }
}

const several = (targets: readonly Target[]): OperatingError => {
  const list = targets.map(({ board, place }) => `${board.title} at ${place}`).join('; ')
  return new OperatingError('board_ambiguous', {
    message: `more than one board is ready: ${list}`,
    remedy: 'Name one with --board or --drive, or unplug the others.',
  })
}

const wrongBoard = (
  { place, id }: { place: string; id: string },
  boards: readonly Board[],
): OperatingError => {
  const ids = boards.flatMap(({ title, flashing }) =>
    flashing.map((way) => `${title} calls itself ${way.ids.join(' or ')}`),
  )
  return new OperatingError('board_wrong', {
    message: `the board at ${place} calls itself ${id}; nothing was written`,
    remedy: `The image is for another board: ${ids.join('; ')}. Unplug that one, or name --board.`,
  })
}

const noBoard = ({ boards, drive }: Wanted): OperatingError =>
  new OperatingError('board_absent', {
    message: `no board is ready to be flashed${isNone(drive)}`,
    remedy: ['Make one ready:', ...steps(boards)].join('\n  '),
  })

/** Why the folder that was named is no board's drive. */
const isNone = (drive: string | undefined): string => {
  if (drive === undefined) return ''
  if (!existsSync(drive)) return `: there is no folder ${drive}`
  return `: ${drive} is no board's drive, it has no ${driveFiles.join(' or ')}`
}

const steps = (boards: readonly Board[]): string[] =>
  boards.flatMap(({ title, flashing }) => {
    const [usual] = flashing
    return [title, ...(usual?.steps ?? []).map((step, i) => `  ${i + 1}. ${step}`)]
  })

const usual = ({ flashing }: Board): FlashMethod['method'] => {
  const [way] = flashing
  if (way === undefined) throw new Error('a board without a way to flash it')
  return way.method
}

const imageFor = (images: readonly ReadyImage[], board: Board): ReadyImage => {
  const image = images.find(({ manifest }) => manifest.board === board.board)
  if (image === undefined) throw new Error(`no image for ${board.board}`)
  return image
}

type Shown = Pick<Target, 'board' | 'method'> & Partial<Pick<Target, 'id' | 'place'>>

const print = ({ manifest, name }: ReadyImage, target: Shown, io: Io): void => {
  const { board, method, place, id } = target
  const { sizes, release } = manifest
  const found = id === undefined ? '' : `, calls itself ${id}, at ${place}`
  io.out(`board     ${board.title}${found}`)
  const boot = release && ` and ${release.bootloaderBytes} of bootloader`
  io.out(`image     ${name}, ${sizes.flash} bytes${boot ?? ''}, by ${method}`)
  io.out(`          ${manifest.digests.image}`)
  io.out(`file      ${name}.${endingOf[method]}`)
  if (release !== undefined) io.out(`updates   ${updatesBy(release.key)}`)
  for (const text of manifest.unproven) io.out(`unproven  ${text}`)
}

const updatesBy = (key: string | undefined): string =>
  key === undefined
    ? 'none until a key is pinned: tenfold command <unit> trust <did:key>, its control held'
    : `what ${didOf(Buffer.from(key, 'hex'))} has signed`

const barCells = 40

/** One line for every fifth part that is done: it reads as well in a log as on a terminal. */
const progressBar = (io: Io): ((share: number) => void) => {
  let shown = -1
  return (share) => {
    const fifth = Math.floor(share * 5)
    if (fifth <= shown) return
    shown = fifth
    const full = Math.round((fifth / 5) * barCells)
    io.out(`[${'#'.repeat(full)}${'.'.repeat(barCells - full)}] ${fifth * 20} %`)
  }
}
