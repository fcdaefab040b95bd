// How people are reached: a webhook (one POST of JSON) and e-mail (SMTP). Passwords come from where
// the config names them and show in no error.
import type { Channel, Message } from './alerts.ts'
import type { AlertSettings } from './settings.ts'

const timeoutMs = 15_000

/** @param secret reads a secret that the settings name */
export const channelsOf = (
  { webhook, email }: AlertSettings,
  secret: (where: { env: string } | { file: string }) => string,
): Channel[] => [
  ...(webhook === undefined ? [] : [webhookOf(webhook.url)]),
  ...(email === undefined
    ? []
    : [mailOf(email, email.password === undefined ? undefined : secret(email.password))]),
]

const webhookOf = (url: string): Channel => ({
  name: 'webhook',
  async send({ subject, lines }: Message) {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      // `text` is what chat services show.
      body: JSON.stringify({ text: [subject, ...lines].join('\n'), subject, lines }),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((error: Error) => {
      // The address may hold a secret token: it is not repeated.
      throw new Error(error.cause instanceof Error ? error.cause.message : error.name)
    })
    await answer.arrayBuffer()
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
  },
})

const mailOf = (
  settings: NonNullable<AlertSettings['email']>,
  password: string | undefined,
): Channel => ({
  name: 'email',
  async send({ subject, lines }: Message) {
    const { createTransport } = await import('nodemailer')
    const { host, port, tls, username, from, to } = settings
    const transport = createTransport({
      host,
      port,
      secure: tls === 'always',
      requireTLS: tls === 'starttls',
      ignoreTLS: tls === 'never',
      connectionTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      ...(username !== undefined && { auth: { user: username, pass: password ?? '' } }),
    })
    try {
      await transport.sendMail({ from, to: [...to], subject, text: `${lines.join('\n')}\n` })
    } finally {
      transport.close()
    }
  },
})
