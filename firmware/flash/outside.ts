// What flashing may touch of the machine it runs on: passed in, so that a test can stand in for a
// board. The real one reads the mount table and runs Debian's dfu-util and openocd. It knows no
// board and no image.
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { ToolError } from '../tool-error.ts'

export interface ToolResult {
  code: number
  /** Standard output and standard error as they came. */
  text: string
}

export interface Outside {
  /** Folders that may be drives. */
  mounts(): readonly string[]
  /** Runs a program to its end. Throws ToolError where it is not installed. */
  run(tool: string, args: readonly string[], onText?: (text: string) => void): Promise<ToolResult>
  /** Resolves after at least `ms`. */
  sleep(ms: number): Promise<void>
}

/** @param path where programs are looked for, as the environment's PATH */
export const realOutside = (path: string | undefined): Outside => ({
  mounts: () => mountsOf(process.platform),
  run: (tool, args, onText) => run({ tool, args, path, ...(onText && { onText }) }),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
})

/** Drives of the three kinds of desktop; elsewhere none, and `--drive` names one. */
const mountsOf = (platform: NodeJS.Platform): string[] => {
  if (platform === 'linux') return parseMounts(readFileSync('/proc/mounts', 'utf8'))
  if (platform === 'darwin') return readdirSync('/Volumes').map((name) => `/Volumes/${name}`)
  if (platform === 'win32') return [...'DEFGHIJKLMNOPQRSTUVWXYZ'].map((letter) => `${letter}:\\`)
  return []
}

/**
 * Mount points of FAT drives in the text of /proc/mounts, which writes blanks as `\040` (proc(5)).
 */
export const parseMounts = (text: string): string[] =>
  text.split('\n').flatMap((line) => {
    const [, folder, type] = line.split(' ')
    if (folder === undefined || (type !== 'vfat' && type !== 'msdos')) return []
    return [
      folder.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    ]
  })

interface Run {
  tool: string
  args: readonly string[]
  path: string | undefined
  onText?: (text: string) => void
}

const run = ({ tool, args, path, onText }: Run): Promise<ToolResult> =>
  new Promise((resolve, reject) => {
    const child = spawn(tool, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { LC_ALL: 'C', PATH: path ?? '/usr/local/bin:/usr/bin:/bin' },
    })
    let text = ''
    const hear = (chunk: Buffer): void => {
      text = (text + chunk.toString()).slice(-textMax)
      onText?.(chunk.toString())
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.on('error', () => reject(toolMissing(tool)))
    child.on('close', (code) => resolve({ code: code ?? 1, text }))
  })

const textMax = 64 * 1024

const toolMissing = (tool: string): ToolError =>
  new ToolError('tool_missing', {
    message: `${tool} is not installed: it talks to this board`,
    remedy: `Install it: apt-get install --no-install-recommends ${tool}`,
  })
