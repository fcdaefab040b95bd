// Words of the OPC UA library that are not words of this house, spelled once, and its own printing
// turned off: what a person must know is said in our words, by whoever knows what to do about it.
import * as opcua from 'node-opcua'

/** Names of the library's options that say whose certificates are believed, and who may log in. */
export const libraryNames = {
  clientStore: 'clientCertificateManager',
  serverStore: 'serverCertificateManager',
  userStore: 'userCertificateManager',
  users: 'userManager',
} as const

/** The library prints warnings of its own, with certificates in them, at the slightest cause. */
export const silenceLibrary = (): void => {
  opcua.setWarningLogger(() => {})
  opcua.setDebugLogger(() => {})
  opcua.setErrorLogger(() => {})
}
