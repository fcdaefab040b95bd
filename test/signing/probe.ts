// The test build of an image's cryptography, on the emulated boards: makes it, and asks it.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadBoard } from '../../firmware/boards.ts'
import { type Built, compileImage, gatherSources } from '../../firmware/compile.ts'
import { Pico } from '../emu/pico.ts'
import type { Noise } from '../emu/rosc.ts'

/** The board with room for what only a signature needs. */
export const buildProbe = (name: string, source = 'probe.c'): Built => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-probe-'))
  try {
    const board = loadBoard(name)
    gatherSources(folder, board)
    copyFileSync(join(import.meta.dirname, 'c', source), join(folder, source))
    return compileImage({ folder, board, source, flags: ['-DEXERCISE'], path: process.env['PATH'] })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex') || '-'
export const hashLine = (message: Uint8Array): string => `H ${hex(message)}\n`
export const signLine = (seed: Uint8Array, message: Uint8Array): string =>
  `S ${hex(seed)} ${hex(message)}\n`
export const verifyLine = (parts: Record<'key' | 'signature' | 'message', Uint8Array>): string =>
  `V ${hex(parts.key)} ${hex(parts.signature)} ${hex(parts.message)}\n`

/** An answer without its marks. */
export const plain = (answer: string): string => answer.replaceAll(/[<>]/g, '').trim()

/** Asks a Pico, and says how many cycles lay between the marks. */
export const askTimed = (pico: Pico, line: string): { answer: string; cycles: number } => {
  let [began, ended, text, at] = [0, 0, '', 0]
  pico.options.onUart = (byte) => {
    if (byte === 0x3c) began = pico.cycles
    if (byte === 0x3e) ended = pico.cycles
    text += String.fromCharCode(byte)
  }
  pico.run(500e6, () => {
    if (at < line.length && pico.feed(line.charCodeAt(at))) at += 1
    return text.endsWith('\n')
  })
  if (!text.endsWith('\n')) throw new Error(`no whole answer to ${line}: ${text}`)
  return { answer: plain(text), cycles: ended - began }
}

export const startPico = (built: Built, noise?: Noise): Pico => {
  const pico = new Pico({ bin: built.files.bin, ...(noise !== undefined && { noise }) })
  pico.ask('', 10_000_000)
  return pico
}
