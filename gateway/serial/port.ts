// Opens serial ports for the sources that need one. A port that is not there, or is another
// program's, is an OperatingError that names it; bytes are neither looked at nor kept.
import { SerialPort } from 'serialport'
import { OperatingError } from '../core/errors.ts'

/** Bytes both ways; closing is told to both sides. */
export interface Port {
  readonly path: string
  onData(listener: (bytes: Uint8Array) => void): void
  /** Called once, when the port has gone: pulled out (then with the reason), or closed by us. */
  onClose(listener: (why?: string) => void): void
  /** Never blocks; false where the port has gone. */
  write(bytes: Uint8Array): boolean
  close(): Promise<void>
}

/** A port that can make its other side wait, and tells what it has not yet sent. */
export interface FlowPort extends Port {
  readonly unsentBytes: number
  /** Until `resume`, nothing is read: the other side fills its own memory. */
  pause(): void
  resume(): void
}

/** Path of the USB port with this serial number; undefined where none is plugged in. */
export const findPort = async (serialNumber: string): Promise<string | undefined> => {
  const ports = await SerialPort.list().catch(() => [])
  return ports.find((port) => port.serialNumber === serialNumber)?.path
}

/** Ports that are there, as a person tells them apart, USB first. Never throws. */
export const portsFound = async (): Promise<string[]> => {
  const ports = await SerialPort.list().catch(() => [])
  const isUsb = ({ vendorId }: (typeof ports)[number]): boolean => vendorId !== undefined
  return [...ports.filter(isUsb), ...ports.filter((port) => !isUsb(port))].map(
    ({ path, manufacturer, serialNumber }) => {
      const number = serialNumber === undefined ? undefined : `serial number ${serialNumber}`
      const about = [manufacturer, number].filter((part) => part !== undefined)
      return about.length === 0 ? path : `${path} (${about.join(', ')})`
    },
  )
}

export interface PortOptions {
  /** Such as /dev/ttyACM0, /dev/serial/by-id/..., COM3. */
  path: string
  baud: number
}

/** Opens it. Throws an OperatingError where it cannot. */
export const openFlowPort = ({ path, baud }: PortOptions): Promise<FlowPort> =>
  new Promise((resolve, reject) => {
    const port = new SerialPort({ path, baudRate: baud, autoOpen: false })
    port.open((error) => {
      if (error !== null) reject(explained(path, error))
      else resolve(portOf(port, path))
    })
  })

/** The same, for who needs no more of it. */
export const openPort: (options: PortOptions) => Promise<Port> = openFlowPort

const portOf = (port: SerialPort, path: string): FlowPort => {
  // An error of an open port is followed by its close, which is what the source hears.
  port.on('error', () => {})
  return {
    path,
    onData: (listener) => void port.on('data', listener),
    onClose: (listener) => void port.once('close', (why?: Error | null) => listener(why?.message)),
    get unsentBytes() {
      return port.writableLength
    },
    pause: () => void port.pause(),
    resume: () => void port.resume(),
    write: (bytes) => {
      if (!port.isOpen) return false
      port.write(Buffer.from(bytes))
      return true
    },
    close: () =>
      new Promise((resolve) => {
        if (port.isOpen) port.close(() => resolve())
        else resolve()
      }),
  }
}

const explained = (path: string, cause: Error): OperatingError => {
  if (/no such file|file not found/i.test(cause.message)) {
    return new OperatingError('port_absent', {
      message: `there is no serial port ${path}`,
      remedy: 'Plug the board in; look for its name in /dev/serial/by-id, or in the list of ports.',
      cause,
    })
  }
  if (/permission denied|access denied/i.test(cause.message)) {
    return new OperatingError('port_refused', {
      message: `this user may not open the serial port ${path}`,
      remedy: 'Add the user to the group dialout (Debian), or close the program that holds it.',
      cause,
    })
  }
  if (/cannot lock|busy/i.test(cause.message)) {
    return new OperatingError('port_busy', {
      message: `the serial port ${path} is taken by another program`,
      remedy: 'Close that program, such as a serial monitor.',
      cause,
    })
  }
  return new OperatingError('port_failed', {
    message: `the serial port ${path} cannot be opened: ${cause.message}`,
    remedy: 'Check the cable and the name of the port.',
    cause,
  })
}
