// What stands in lists of the settings, such as the servers of a source: paths start from the
// settings' folder there too, and a secret that was written by mistake is not printed.
import { expect, test } from 'vitest'
import { loadConfig } from '../../gateway/config.ts'

const opcua = (...users: unknown[]) => {
  const units = [{ unit: 'press-1', machine: 'ceb_press', nodes: { pressure: 's=Pressure' } }]
  const servers = users.map((user, i) => {
    return { name: `hall-${i}`, url: 'opc.tcp://hall:4840', user, units }
  })
  const text = JSON.stringify({ sources: { opcua: { servers } } })
  return loadConfig({ file: '/farm/tenfold.json', text, env: {}, readFile: () => '' }).config
}

test('certificates, keys and passwords of servers start from the folder of the settings', () => {
  const config = opcua(
    { name: 'tenfold', password: { file: 'secrets/hall' } },
    { certificate: 'pki/own.pem', key: { file: '../pki/own.key' } },
    { certificate: '/pki/own.pem', key: { env: 'KEY' } },
  )
  expect(config.sources.opcua?.servers.map(({ user }) => user)).toEqual([
    { name: 'tenfold', password: { file: '/farm/secrets/hall' } },
    { certificate: '/farm/pki/own.pem', key: { file: '/pki/own.key' } },
    { certificate: '/pki/own.pem', key: { env: 'KEY' } },
  ])
})

test('a password that stands there itself is not printed with the mistake', () => {
  for (const user of [
    { name: 'tenfold', password: 'hunter2' },
    { certificate: 'own.pem', key: 'hunter2' },
    { name: 'tenfold', pasword: 'hunter2' },
  ]) {
    let said = ''
    try {
      opcua(user)
    } catch (error) {
      said = String(error)
    }
    expect(said).toContain('/sources/opcua/servers/0/user: has none of the forms')
    expect(said).not.toContain('hunter2')
  }
})
