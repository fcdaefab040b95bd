// The word in the data folder that opens pages with a password to who may read that folder: for
// reading, and no longer than the gateway runs.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hashPassword, parseCredentials } from '../../gateway/credentials.ts'
import { readToken } from '../../gateway/web/token.ts'
import { startFakeGateway } from './fake-gateway.ts'

test('with credentials, the word in the data folder opens what is read, until the stop', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-token-'))
  const hash = await hashPassword('open sesame', new Uint8Array(16).fill(3))
  const credentials = parseCredentials('users.json', JSON.stringify({ ann: hash }))
  const random = (bytes: number) => randomBytes(bytes)
  const token = { folder, random }
  const web = await startFakeGateway({ credentials: () => credentials, token })
  try {
    const word = readToken(folder) ?? ''
    expect(word).toHaveLength(43)
    expect(statSync(join(folder, 'doctor.token')).mode & 0o777).toBe(0o600)
    const bearer = (text: string) => ({ headers: { Authorization: `Bearer ${text}` } })
    const booksWith = async (text: string): Promise<number> =>
      (await fetch(`${web.url}api/books`, bearer(text))).status
    expect(await booksWith(word)).toBe(200)
    for (const wrong of ['', word.slice(1), `${word}A`, word.toUpperCase()]) {
      expect(await booksWith(wrong), wrong).toBe(401)
    }
    const act = await fetch(`${web.url}api/reload`, {
      ...{ method: 'POST', body: '{}' },
      headers: { ...bearer(word).headers, 'Content-Type': 'application/json' },
    })
    expect(act.status).toBe(401)
  } finally {
    await web.stop()
  }
  expect(readToken(folder)).toBeUndefined()
  rmSync(folder, { recursive: true })
})
