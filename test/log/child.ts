// A log in a process of its own, for tests that need one: holds a folder, or appends until it
// fails. Arguments: mode, folder. Speaks JSON lines.
import { randomBytes } from 'node:crypto'
import { realFiles } from '../../gateway/log/files.ts'
import { lockFolder } from '../../gateway/log/lock.ts'
import { LogError } from '../../gateway/log/log.ts'
import { openLog } from '../../gateway/log/open.ts'

const [mode, folder = ''] = process.argv.slice(2)
const say = (value: object): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

const clock = {
  nowUs: () => Date.now() * 1000,
  after: (delayMs: number, task: () => void) => {
    const timer = setTimeout(task, delayMs).unref()
    return () => clearTimeout(timer)
  },
}

try {
  const log = await openLog({
    folder,
    files: realFiles(),
    clock,
    random: randomBytes,
    lock: lockFolder,
    retention: {
      maxBytes: 1024 ** 3,
      reserveBytes: 0,
      maxAgeMs: Number.POSITIVE_INFINITY,
      floor: () => 0,
    },
  })
  say({ open: true, next: log.status().next })
  if (mode === 'fill') {
    const append = (): Promise<LogError | undefined> =>
      new Promise((resolve) => log.append(Buffer.alloc(4000, 7), false, resolve))
    let error: LogError | undefined
    while (error === undefined) error = await append()
    say({ code: error.code, remedy: error.remedy, next: log.status().next })
    process.stdin.once('data', async () => {
      const later = await append()
      say({ code: later?.code ?? 'acknowledged', next: log.status().next })
      process.exit(0)
    })
  } else {
    setInterval(() => {}, 1000)
  }
} catch (error) {
  if (!(error instanceof LogError)) throw error
  say({ code: error.code, message: error.message, remedy: error.remedy })
}
