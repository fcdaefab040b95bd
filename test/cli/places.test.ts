// The mistakes that makers make, in real files, through the whole of `tenfold build`: each is named
// by file, line and column, says what is wrong, and what to do about it.
import { afterAll, describe, expect, test } from 'vitest'
import { compilerInstalled } from '../boards/stand.ts'
import { type Change, copyProject, loopFile, profileFile } from './project.ts'

const compiler = compilerInstalled()
const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'] }
const project = copyProject(env)
afterAll(() => project.remove())

interface Case {
  what: string
  change: Readonly<Record<string, string | Change>>
  line?: string
  /** The file, and the text in it that the place must be of. */
  place: readonly [file: string, text: string]
  says: RegExp
  remedy: RegExp
}
const check = async ({ change, line, place, says, remedy }: Case): Promise<void> => {
  const said = await project.build(change, line)
  expect(said).toMatch(/^1\n/)
  const at = `${project.at(...place)}: `
  expect(said).toContain(at)
  const [first = ''] = said.slice(said.indexOf(at) + at.length).split('\n')
  expect(first).toMatch(says)
  expect(said).toMatch(remedy)
  expect(said).toMatch(/what to do: \S/)
}

const inProfile = (...changes: Change): Case['change'] => ({ [profileFile]: changes })

describe('in a machine file', () => {
  const cases: Case[] = [
    {
      what: 'a comma is missing',
      change: inProfile(['"kind": "test",', '"kind": "test"']),
      place: [profileFile, '"version"'],
      says: /not JSON: a "," or "}" should stand before this/,
      remedy: /Correct the values named/,
    },
    {
      what: 'a name is there twice',
      change: inProfile(['"version": 1,', '"version": 1, "version": 2,']),
      place: [profileFile, '"version": 2'],
      says: /there twice/,
      remedy: /Correct the values named/,
    },
    {
      what: 'a name is misspelt',
      change: inProfile(['"reportHz"', '"reprotHz"']),
      place: [profileFile, '"reprotHz"'],
      says: /"reprotHz" is not a known name \(did you mean "reportHz"\?\)/,
      remedy: /schema\.json/,
    },
    {
      what: 'a unit that there is not',
      change: inProfile(['"unit": "%"', '"unit": "percent"']),
      place: [profileFile, '"unit": "percent"'],
      says: /"percent" is not one of .*"%"/,
      remedy: /schema\.json/,
    },
    {
      what: 'a signal that there is not',
      change: inProfile(['"brake": "brake"', '"brake": "braek"']),
      place: [profileFile, '"brake": "braek"'],
      says: /"braek" is not known here \(did you mean "brake"\?\); known: wish, duty, brake/,
      remedy: /Correct the values named/,
    },
    {
      what: 'two signals on one pin',
      change: inProfile(['"GP3"', '"GP2"']),
      place: [profileFile, '"pin": "GP2" },\n        "wish"'],
      says: /GP2 already carries duty/,
      remedy: /Correct the values named/,
    },
    {
      what: 'a board that there is not',
      change: inProfile(['"rp2040-pico": {', '"rp2040-pic": {']),
      place: [profileFile, '"rp2040-pic"'],
      says: /there is no board "rp2040-pic" \(did you mean "rp2040-pico"\?\)/,
      remedy: /Correct the values named/,
    },
    {
      what: 'a pin that the board lacks',
      change: inProfile(['"GP2"', '"GP31"']),
      place: [profileFile, '"duty": { "pin"'],
      says: /has no pin GP31/,
      remedy: /Its pins: GP0, GP1/,
    },
    {
      what: 'a pin that cannot do it',
      change: inProfile(['"GP27"', '"GP15"']),
      place: [profileFile, '"wish": { "pin"'],
      says: /GP15 has no analogue converter/,
      remedy: /Use a pin that has one/,
    },
    {
      what: 'a board without the pins',
      change: inProfile(
        ['"microbit": {', '"stm32f405": {'],
        [
          '"stm32f405": {\n      "pwmHz": 20000,\n      "gate": "PB8"',
          '"microbit": {\n      "pwmHz": 20000,\n      "gate": "PB8"',
        ],
      ),
      line: '--board microbit',
      place: [profileFile, '"gate": "PB8"'],
      says: /micro:bit.* has no pin PB8/,
      remedy: /Its pins: /,
    },
    {
      what: 'no safety',
      change: inProfile(['"safety": {', '"safety_": {']),
      place: [profileFile, '"safety_"'],
      says: /did you mean "safety"/,
      remedy: /schema\.json/,
    },
  ]
  test.each(cases)('$what', check)
})

/** Lines of `step` in place of what the loop does; `head` before it. */
const loop = (step: string, head = ''): Case['change'] => ({
  [loopFile]: [
    "import { readInput, writeOutput } from '../board.ts'",
    "import { IN_WISH, OUT_BRAKE, OUT_DUTY } from './constants'",
    head,
    'export function setup(): void {}',
    'export function stop(): void {\n  writeOutput(OUT_DUTY, 0)\n}',
    `export function step(): void {\n  writeOutput(OUT_BRAKE, 0)\n  ${step}\n}`,
  ].join('\n'),
})

const work = 'function work(n: i32): i32 { return n % 2 == 0 ? n / 2 : 3 * n + 1 }'

describe('in a loop', () => {
  const cases: Case[] = [
    {
      what: 'a bracket is missing',
      change: loop('if (readInput(IN_WISH) > 3 {\n    writeOutput(OUT_DUTY, 1)\n  }'),
      place: [loopFile, '3 {\n    writeOutput(OUT_DUTY, 1)'],
      says: /'\)' expected/,
      remedy: /a bracket, a comma or an operator is missing/,
    },
    {
      what: 'a semicolon is missing between two on one line',
      change: loop('let a: i32 = 1 let b: i32 = 2'),
      place: [loopFile, 'let b'],
      says: /Unexpected token/,
      remedy: /a ";" between two statements/,
    },
    {
      what: "a signal's name is misspelt",
      change: loop('writeOutput(OUT_DUTY, readInput(IN_WISHH))'),
      place: [loopFile, 'IN_WISHH'],
      says: /Cannot find name 'IN_WISHH'/,
      remedy: /\(did you mean "IN_WISH"\?\)/,
    },
    {
      what: 'a type is wrong',
      change: loop('const half: i32 = 0.5\n  writeOutput(OUT_DUTY, half)'),
      place: [loopFile, '0.5'],
      says: /'f64' to 'i32' requires an explicit cast/,
      remedy: /write f32\(0\.5\), or count in whole steps of i32/,
    },
    {
      what: 'f64',
      change: loop('writeOutput(OUT_DUTY, i32(f64(readInput(IN_WISH)) * 0.5))'),
      place: [loopFile, 'i32(f64(readInput'],
      says: /f64 arithmetic/,
      remedy: /fixed point, or f32/,
    },
    {
      what: 'Math, which is f64',
      change: loop('writeOutput(OUT_DUTY, i32(Math.sin(f64(readInput(IN_WISH)))))'),
      place: [loopFile, 'i32(Math.sin'],
      says: /f64 arithmetic/,
      remedy: /f32 with Mathf/,
    },
    {
      what: 'heap: `new`',
      change: loop('writeOutput(OUT_DUTY, new Pair().a)', 'class Pair { a: i32 = 1 }'),
      place: [loopFile, 'new Pair'],
      says: /`new Pair` takes memory from the heap/,
      remedy: /A board has no heap/,
    },
    {
      what: 'heap: an array literal',
      change: loop('const xs: f32[] = []\n  xs.push(1)\n  writeOutput(OUT_DUTY, i32(xs[0]))'),
      place: [loopFile, '[]\n  xs.push'],
      says: /an array literal takes memory from the heap/,
      remedy: /Keep state in numbers of the module/,
    },
    {
      what: 'heap: a text put together',
      change: loop(
        "const s = 'a' + readInput(IN_WISH).toString()\n  writeOutput(OUT_DUTY, s.length)",
      ),
      place: [loopFile, "'a' + readInput"],
      says: /a text that is made while it runs takes memory/,
      remedy: /no text/,
    },
    {
      what: 'heap: a closure',
      change: loop('let n: i32 = 3\n  const f = (): i32 => n + 1\n  writeOutput(OUT_DUTY, f())'),
      place: [loopFile, 'n + 1'],
      says: /Not implemented: Closures|used before being assigned/,
      remedy: /Call functions by name; give them what they need/,
    },
    {
      what: 'a function in a variable',
      change: loop(
        'writeOutput(OUT_DUTY, pick(readInput(IN_WISH))(3))',
        `function one(x: i32): i32 { return x + readInput(IN_WISH) }
function two(x: i32): i32 { return x * readInput(IN_WISH) }
function pick(n: i32): (x: i32) => i32 { return n > 0 ? one : two }`,
      ),
      place: [loopFile, 'pick(readInput'],
      says: /called through a value/,
      remedy: /Call functions by name/,
    },
    {
      what: 'recursion, over two functions',
      change: loop(
        'writeOutput(OUT_DUTY, even(readInput(IN_WISH)))',
        `function even(n: i32): i32 {
  writeOutput(OUT_DUTY, n)
  return n < 1 ? 1 : odd(n - 1) * 3 + 1
}
function odd(n: i32): i32 {
  writeOutput(OUT_BRAKE, n)
  return n < 1 ? 0 : even(n - 1) * 5 + 2
}`,
      ),
      place: [loopFile, 'odd(n - 1)'],
      says: /recursion: even -> odd \(.*loop\.ts:5:22\) -> even \(.*loop\.ts:9:22\)/,
      remedy: /a loop with a fixed number of turns/,
    },
    {
      what: 'a global that is computed',
      change: loop('writeOutput(OUT_DUTY, level)', 'let level: i32 = readInput(IN_WISH)'),
      place: [loopFile, 'readInput(IN_WISH)'],
      says: /start function/,
      remedy: /set it in `setup`/,
    },
    {
      what: 'a loop that nothing bounds',
      change: loop('let n = readInput(IN_WISH)\n  while (n > 1) n = work(n)', `${work}`),
      place: [loopFile, 'while (n > 1)'],
      says: /nothing bounds how often this loop turns/,
      remedy: /Count to a constant .*`for \(let i = 0; i < 8; i\+\+\)`/,
    },
    {
      what: 'console',
      change: loop("console.log('hello')"),
      place: [loopFile, 'console.log'],
      says: /is not offered by a board/,
      remedy: /no console/,
    },
  ]
  test.each(cases)('$what', check)

  const turning = (turns: number): Case['change'] =>
    loop(
      `let sum = 0\n  for (let i = 0; i < ${turns}; i++) sum = sum * 31 + readInput(IN_WISH)\n` +
        '  writeOutput(OUT_DUTY, sum)',
    )
  test.runIf(compiler)('one that turns too often for the rate of its machine', () =>
    check({
      what: '',
      change: turning(2000),
      place: [profileFile, '"rateHz"'],
      says: /10000 Hz is too fast for .*: the longest step takes \d{5} cycles of the .* allows \d+ Hz/,
      remedy: /Lower rateHz, .*make the loop's longest step shorter/,
    }),
  )

  test.runIf(compiler)(
    'one that was edited a moment ago is built at once, its longest step known',
    async () => {
      const longest = async (turns: number): Promise<number> => {
        const said = await project.build(turning(turns))
        expect(said).toMatch(/^0\n/)
        return Number(/longest {3}(\d+) cycles of the loop/.exec(said)?.[1])
      }
      const [few, more] = [await longest(100), await longest(200)]
      expect(few).toBeGreaterThan(100 * 5)
      // As much longer as it has more to do.
      expect(more - few).toBeGreaterThan(100 * 5)
      expect(more - few).toBeLessThan(100 * 16)
    },
  )

  test.runIf(compiler)('a root that the core has no instruction for', () =>
    check({
      what: '',
      change: loop('writeOutput(OUT_DUTY, i32(Mathf.sqrt(f32(readInput(IN_WISH)))))'),
      place: [loopFile, 'f32(readInput'],
      says: /the loop needs sqrtf, and this core has no instruction for it/,
      remedy: /compute it otherwise/,
    }),
  )

  test.runIf(compiler)('a stack that does not fit', () => {
    const numbers = Array.from({ length: 400 }, (_, i) => i + 1)
    const mixed = (i: number): string => `a${i - 1} * 1103515245 + (a${i - 1} >>> 7)`
    const read = numbers.map((i) => `const a${i}: i32 = ${mixed(i)}`).join('\n  ')
    // Each is used once more after all were made, so that none can be let go before.
    const used = numbers.map((i) => `sum = sum * 31 + a${401 - i}`).join('\n  ')
    const body = `const a0 = readInput(IN_WISH)\n  ${read}\n  ${used}`
    const deep = `function deep(x: i32): i32 {\n  let sum = x\n  ${body}\n  return sum\n}`
    const twice = 'writeOutput(OUT_DUTY, deep(1))\n  writeOutput(OUT_DUTY, deep(2))'
    return check({
      what: '',
      change: loop(twice, deep),
      place: [loopFile, 'IN_WISH)\n  const a1'],
      says: /the stack can get \d+ bytes deep, 2816 are reserved; deepest, in bytes: .*deep \d{4}/,
      remedy: /Call less deeply in the loop .*stackBytes in firmware\/boards\/rp2040-pico\/board/s,
    })
  })
})

describe('outside of both', () => {
  test.runIf(compiler)('as it is, it builds', async () => {
    expect(await project.build({})).toMatch(/^0\n/)
  })

  test('mistakes in loop and machine file are told together, each with its own remedy', async () => {
    const change = {
      ...inProfile(['"GP2"', '"GP31"']),
      ...loop('writeOutput(OUT_DUTY, nothing)'),
    }
    const said = await project.build(change)
    expect(said).toContain(`${project.at(loopFile, 'nothing')}: Cannot find name 'nothing'`)
    expect(said).toContain(`${project.at(profileFile, '"duty": { "pin"')}: /boards/rp2040-pico`)
    expect(said).toMatch(/Its pins: GP0.*what to do: Mend each of these/s)
  })

  test('a comma is missing in the file of a board', () =>
    check({
      what: '',
      change: {
        'firmware/boards/rp2040-pico/board.json': [['"stackBytes": 2816,', '"stackBytes": 2816']],
      },
      place: ['firmware/boards/rp2040-pico/board.json', '"exceptionBytes"'],
      says: /a "," or "}" should stand before this/,
      remedy: /Correct the board file/,
    }))

  test('a board that is misspelt on the command line, and a machine', async () => {
    expect(await project.build({}, '--board rp2040-pic')).toMatch(
      /there is no board "rp2040-pic" \(did you mean "rp2040-pico"\?\).*what to do: Name one/s,
    )
    expect(await project.build({}, '--profile makre')).toMatch(/did you mean "maker"/)
  })

  test('the compiler is missing: the command that installs it', async () => {
    const path = env['PATH']
    env['PATH'] = '/nowhere'
    try {
      expect(await project.build({})).toMatch(
        /arm-none-eabi-gcc is not installed.*what to do: .*apt-get install .*gcc-arm-none-eabi/s,
      )
    } finally {
      env['PATH'] = path
    }
  })
})
