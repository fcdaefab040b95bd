// The little of the WebAssembly interface (W3C, JavaScript Interface 2.0) that the twin uses: Node
// has it, its type package does not declare it. Types only.
declare global {
  namespace WebAssembly {
    class Module {
      constructor(bytes: Uint8Array<ArrayBuffer>)
    }
    class Instance {
      constructor(
        module: Module,
        imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
      )
      readonly exports: Readonly<Record<string, unknown>>
    }
  }
}

export {}
