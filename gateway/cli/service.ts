// `tenfold service`: prints a systemd unit that runs this gateway as its own user, with no more
// rights than it needs. It installs nothing: a person reads it first.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Config } from '../config.ts'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import type { Io } from './io.ts'
import { logForm, logOptions, logUsage } from './serve.ts'

export const summary = 'prints a systemd unit for this gateway'
export const usage = `usage: tenfold service [--user NAME] [options] > tenfold.service

  --user NAME           user that it runs as; default tenfold
${logUsage}
${configUsage}

Its first lines say what to do before the first start: user, folder, files, and the start itself.`

export const run = async (args: string[], io: Io): Promise<number> => {
  const { values } = parseArgs({
    args,
    options: { ...configOptions, ...logOptions, user: { type: 'string', default: 'tenfold' } },
  })
  const { config } = readConfig(io, values).loaded
  const project = resolve(import.meta.dirname, '..', '..')
  const node = resolve(project, 'node_modules', 'node', 'bin', 'node')
  const given = values.config === undefined ? [] : ['--config', resolve(io.cwd, values.config)]
  const sets = (values.set ?? []).flatMap((each) => ['--set', each])
  const command = [node, resolve(project, 'gateway', 'cli', 'tenfold.ts'), 'gateway']
  const log = logForm(values.log) === 'text' ? [] : ['--log', values.log]
  const line = [...command, ...given, '--data', config.data, ...log, ...sets].map(quoted).join(' ')
  for (const each of before({ config, project, user: values.user })) io.out(each)
  for (const each of unit({ line, user: values.user, cwd: io.cwd, data: config.data })) io.out(each)
  return 0
}

/**
 * What must be there before: without its user or its data folder systemd does not even begin
 * (217/USER, 226/NAMESPACE), and files of passwords are readable by their owner alone.
 */
const before = (parts: { config: Config; project: string; user: string }): string[] => {
  const { config, project, user } = parts
  const named = [config.http.credentials, config.mqtt.credentials]
  const files = named.flatMap((path) => (path === undefined ? [] : [inShell(path)])).join(' ')
  const steps = [
    `sudo useradd --system --shell /usr/sbin/nologin ${user}`,
    `sudo install -d -o ${user} -m 700 ${inShell(config.data)}   # data that is there: chown -R`,
    ...(files === '' ? [] : [`sudo chown ${user} ${files}`]),
    'sudo cp tenfold.service /etc/systemd/system/ && sudo systemctl daemon-reload',
    'sudo systemctl enable --now tenfold && systemctl status tenfold',
  ]
  const isHome = /^\/(home|root)\//.test(`${project}/`)
  return [
    '# Once, before the first start:',
    ...steps.map((step) => `#   ${step}`),
    `# ${user} must be able to read what the settings name, and ${project}.`,
    ...(isHome
      ? ['# That is in a home folder, which other users cannot enter: move it to /opt.']
      : []),
    '',
  ]
}

const inShell = (path: string): string =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`

/** systemd.service(5), systemd.exec(5); the words of a command line by systemd.syntax(7). */
const unit = (parts: { line: string; user: string; cwd: string; data: string }): string[] => [
  '[Unit]',
  'Description=Tenfold edge gateway',
  'Wants=network-online.target',
  'After=network-online.target time-sync.target',
  '',
  '[Service]',
  'Type=notify',
  'NotifyAccess=all',
  'WatchdogSec=30',
  'Restart=always',
  'RestartSec=2',
  'TimeoutStopSec=60',
  `User=${parts.user}`,
  `WorkingDirectory=${parts.cwd}`,
  'Environment=MALLOC_ARENA_MAX=2',
  `ExecStart=${parts.line}`,
  'ExecReload=/bin/kill -HUP $MAINPID',
  `ReadWritePaths=${quoted(parts.data)}`,
  'ProtectSystem=strict',
  'PrivateTmp=yes',
  'NoNewPrivileges=yes',
  'ProtectKernelTunables=yes',
  'ProtectKernelModules=yes',
  'ProtectControlGroups=yes',
  'RestrictSUIDSGID=yes',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6',
  'LimitNOFILE=65536',
  '',
  '[Install]',
  'WantedBy=multi-user.target',
]

/** As one word; % and $ mean something to systemd unless they are doubled. */
const quoted = (given: string): string => {
  const text = given.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[\w@%+=:,./$-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}
