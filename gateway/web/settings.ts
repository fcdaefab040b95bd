// Settings of TLS for the pages: joined into the gateway's under `http.tls`. Only the files where
// certificate and key are; no secret has a place here.
import { Type } from '../../hardware-profiles/validate.ts'

const Path = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 4096, path: true, description }))

export const PagesTls = Type.Object(
  {
    certificate: Path(
      'PEM file of the server certificate and its chain; without it the gateway makes one.',
    ),
    key: Path('PEM file of its private key.'),
  },
  {
    additionalProperties: false,
    description: 'The pages over TLS only (https), at the same port; absent = http.',
  },
)
