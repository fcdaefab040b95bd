// What `alerts` of the gateway's config may say: whom to tell, how, and from when on. Without a
// webhook or an address nobody is told.
import { type Static, Type } from '../../hardware-profiles/validate.ts'

const closed = { additionalProperties: false } as const

const Address = (description: string) =>
  Type.String({ pattern: '^[^@\\s,<>]+@[^@\\s,<>]+$', maxLength: 254, description })

/** @param secret schema of a place where a secret is */
export const alertSettings = <S extends ReturnType<typeof Type.Union>>(secret: S) =>
  Type.Object(
    {
      silentMinutes: Type.Number({
        minimum: 1,
        default: 60,
        description: 'A unit in use that has not reported for so long is silent, minutes.',
      }),
      lagMinutes: Type.Number({
        minimum: 1,
        default: 10,
        description: 'A sink that is so far behind is late, minutes.',
      }),
      awayMinutes: Type.Number({
        minimum: 1,
        default: 10,
        description: 'A peer of a source that has not been connected for so long is away, minutes.',
      }),
      certificateDays: Type.Number({
        minimum: 0,
        default: 14,
        description: 'A certificate that holds for less is about to end, days.',
      }),
      diskFreeMiB: Type.Number({
        minimum: 0,
        default: 512,
        description: 'Less room on the disk of the data folder is little, MiB.',
      }),
      diskDays: Type.Number({
        minimum: 0,
        default: 7,
        description: 'A disk that is full in less at its present rate is filling, days.',
      }),
      webhook: Type.Optional(
        Type.Object(
          {
            url: Type.String({
              pattern: '^https?://',
              secret: true,
              description: 'Address that takes a POST of JSON with subject, lines and text.',
            }),
          },
          { ...closed, description: 'Tell a chat or another program; absent = do not.' },
        ),
      ),
      email: Type.Optional(
        Type.Object(
          {
            host: Type.String({ minLength: 1, maxLength: 253, description: 'SMTP server.' }),
            port: Type.Integer({
              minimum: 1,
              maximum: 65_535,
              default: 587,
              description: 'Its port: 587 with starttls, 465 with always.',
            }),
            tls: Type.Enum(['starttls', 'always', 'never'], {
              default: 'starttls',
              description: 'starttls, always, or never (a relay on this machine).',
            }),
            username: Type.Optional(
              Type.String({ minLength: 1, maxLength: 128, description: 'Name to log in with.' }),
            ),
            password: Type.Optional(secret),
            from: Address('Sender.'),
            to: Type.Array(Address('Recipient.'), {
              minItems: 1,
              maxItems: 16,
              description: 'Recipients.',
            }),
          },
          { ...closed, description: 'Tell people by e-mail; absent = do not.' },
        ),
      ),
    },
    {
      ...closed,
      description:
        'Whom to tell of faults, silent units, late sinks, peers that are away, certificates ' +
        'that end and a disk that fills.',
    },
  )

export type AlertSettings = Static<ReturnType<typeof alertSettings<ReturnType<typeof secretShape>>>>

const secretShape = () =>
  Type.Union([
    Type.Object({ env: Type.String() }, closed),
    Type.Object({ file: Type.String() }, closed),
  ])
