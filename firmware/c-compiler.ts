// Runs Debian's arm-none-eabi-gcc and its binutils in a folder that is given, with relative names,
// so that nothing of the machine shows in what comes out. Knows neither loops nor profiles.
import { execFileSync } from 'node:child_process'
import { ToolError } from './tool-error.ts'

const prefix = 'arm-none-eabi-'
const install = 'apt-get install --no-install-recommends gcc-arm-none-eabi'

/**
 * Flags of every image. No contraction: a fused product would differ from the twin. No loop
 * patterns: an own memset must not become a call of itself. No jumps by a table: the
 * bound of a step could not see where they lead.
 */
export const commonFlags: readonly string[] = [
  ...['-std=gnu11', '-ffreestanding', '-ffp-contract=off', '-fno-strict-aliasing', '-fno-common'],
  ...['-ffunction-sections', '-fno-tree-loop-distribute-patterns', '-fno-jump-tables'],
  ...['-fno-unwind-tables', '-fno-asynchronous-unwind-tables', '-fstack-usage'],
  ...['-Wall', '-Wextra', '-Werror', '-Wno-unused', '-Wno-override-init', '-Wno-type-limits'],
]

/** Where a tool runs, and where it is looked for. */
export interface Workplace {
  folder: string
  /** As the environment's PATH. */
  path?: string | undefined
}

/** Runs one tool of the suite; gives what it prints. Throws ToolError, or what the tool says. */
export const runTool = (tool: string, args: readonly string[], at: Workplace): string => {
  try {
    return execFileSync(`${prefix}${tool}`, args, {
      cwd: at.folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...clean, PATH: at.path ?? usualPath },
      maxBuffer: 64 * 1024 * 1024,
    })
  } catch (error) {
    const { code, stderr, message } = error as { code?: string; stderr?: string; message: string }
    if (code === 'ENOENT') throw missing()
    throw new Error(stderr === undefined || stderr === '' ? message : stderr)
  }
}

/** Nothing of the environment but the path may reach the compiler. */
const clean = { LC_ALL: 'C', TZ: 'UTC' }
const usualPath = '/usr/local/bin:/usr/bin:/bin'

const missing = (): ToolError =>
  new ToolError('compiler_missing', {
    message: `${prefix}gcc is not installed: it makes the image from the loop`,
    remedy: `Install it: ${install} (or flash a stock image of firmware/images).`,
  })

/** Version of the compiler, or undefined where it is not installed. */
export const compilerVersion = (path?: string): string | undefined => {
  try {
    return runTool('gcc', ['-dumpfullversion'], { folder: '/', path }).trim()
  } catch (error) {
    if (error instanceof ToolError) return undefined
    throw error
  }
}
