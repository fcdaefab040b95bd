// The rules of the house that neither the compiler nor the linter can hold: sizes, heads, who may
// import what, no hidden time, chance or state, one word per meaning. A rule that is not here, in
// tsconfig.json or in .biome.json does not exist.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { codeOnly, files, importsOf, read, root } from './tree.ts'
// The tables of what each source refuses: rules of the house, too.
import './refusals.ts'

const tracked = files()
const sources = tracked.filter((file) => /\.(ts|sol|c|h)$/.test(file))
const typescript = tracked.filter((file) => /(?<!\.d)\.ts$/.test(file))
const product = typescript.filter((file) => !file.startsWith('test/'))
/** Files that may touch the outside directly: they join the parts. */
const isRoot = (file: string): boolean =>
  /^gateway\/(main\.ts|cli\/)|^gateway\/core\/clock\.ts$|^gateway\/pipeline\/worker\.ts$/.test(file)

/** Every offence of a rule, as `file:line: text`. */
const offences = (list: string[], pattern: RegExp, code = true): string[] =>
  list.flatMap((file) => {
    const text = code ? codeOnly(read(file)) : read(file)
    return text
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : []))
  })

describe('sizes', () => {
  test('a file has at most 400 lines', () => {
    expect(sources.filter((file) => read(file).split('\n').length > 401)).toEqual([])
  })

  test('a line has at most 100 columns', () => {
    // A title, a published vector or a pattern in a test is one literal and has no place to break.
    const literal = /'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|\/(?![/*])(?:\\.|[^/\\\n])+\//g
    const wide = sources.flatMap((file) => {
      const isTest = file.startsWith('test/')
      return read(file)
        .split('\n')
        .map((line) => (isTest && line.length > 100 ? line.replace(literal, '') : line))
        .flatMap((line, i) => (line.length > 100 ? [`${file}:${i + 1}: ${line.trim()}`] : []))
    })
    expect(wide).toEqual([])
  })

  test('every TypeScript file of the product begins with two to five lines of head', () => {
    const wrong = product.filter((file) => {
      const lines = read(file).split('\n')
      const start = lines[0]?.startsWith('#!') === true ? 1 : 0
      const end = lines.findIndex((line, i) => i >= start && !line.startsWith('//'))
      return end - start < 2 || end - start > 5
    })
    expect(wrong).toEqual([])
  })
})

describe('the top level', () => {
  test('has nothing but what is agreed', () => {
    const allowed =
      /^(package\.json|package-lock\.json|tsconfig\.json|README\.md|LICENSE|\.[^/]+|firmware|gateway|dashboards|hardware-profiles|test)$/
    const top = new Set(tracked.map((file) => file.split('/')[0] ?? ''))
    expect([...top].filter((name) => !allowed.test(name))).toEqual([])
  })
})

describe('time, chance and state', () => {
  const quiet = product.filter((file) => !isRoot(file) && !file.startsWith('gateway/web/page/'))

  test('no clock is read outside the composition roots', () => {
    expect(offences(quiet, /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/)).toEqual([])
  })

  test('no chance outside the composition roots', () => {
    expect(offences(quiet, /\bMath\.random\(/)).toEqual([])
  })

  test('no environment and no working directory outside the composition roots', () => {
    expect(offences(quiet, /\bprocess\.(env|cwd|argv|exit)\b/)).toEqual([])
  })

  test('no module state', () => {
    const modules = product.filter((file) => !/^firmware\/(loops|kernel)\//.test(file))
    expect(offences(modules, /^(export )?(let|var) /)).toEqual([])
  })
})

describe('imports', () => {
  const layer = (file: string): string =>
    /^(hardware-profiles|firmware\/loops|firmware\/kernel|firmware|gateway\/core|gateway\/attestation|gateway\/durability|gateway\/web\/page|gateway|dashboards|test)\//.exec(
      file,
    )?.[1] ?? ''
  const may: Record<string, string[]> = {
    'hardware-profiles': [],
    'firmware/loops': [],
    'firmware/kernel': [],
    firmware: ['hardware-profiles'],
    'gateway/core': ['hardware-profiles', 'firmware'],
    'gateway/attestation': [],
    'gateway/durability': [],
    'gateway/web/page': ['hardware-profiles', 'gateway/core'],
    gateway: [
      'hardware-profiles',
      'firmware',
      'gateway/core',
      'gateway/attestation',
      'gateway/durability',
    ],
    dashboards: ['hardware-profiles'],
  }

  test('follow the arrows', () => {
    const wrong = product.flatMap((file) =>
      importsOf(file)
        .filter(({ ours, target }) => {
          const [from, to] = [layer(file), layer(target)]
          return ours && from !== to && !(may[from] ?? []).includes(to)
        })
        .map(({ target }) => `${file} imports ${target}`),
    )
    expect(wrong).toEqual([])
  })

  test('a source imports no sink and no other source, nor a sink a source', () => {
    const wrong = product.flatMap((file) => {
      const own = /^gateway\/(sources|sinks)\/[^/]+\//.exec(file)?.[0]
      if (own === undefined) return []
      return importsOf(file)
        .filter(
          ({ target }) => /^gateway\/(sources|sinks)\//.test(target) && !target.startsWith(own),
        )
        .map(({ target }) => `${file} imports ${target}`)
    })
    expect(wrong).toEqual([])
  })

  test('each package is imported in exactly one folder, whose README says why', () => {
    const folders = new Map<string, Set<string>>()
    for (const file of product) {
      for (const { target, ours } of importsOf(file)) {
        if (ours || target.startsWith('node:')) continue
        const folder = folderOf(file)
        folders.set(target, (folders.get(target) ?? new Set()).add(folder))
      }
    }
    const spread = [...folders].filter(([, where]) => where.size > 1)
    expect(spread.map(([name, where]) => `${name}: ${[...where].join(', ')}`)).toEqual([])
    const silent = [...folders].filter(([name, where]) =>
      [...where].some((folder) => !readme(folder).includes(name)),
    )
    expect(silent.map(([name, where]) => `${name} in ${[...where].join()}`)).toEqual([])
  })

  test('every dependency is used', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >
    const text = typescript.map(read).join('\n') + read('package.json').split('"dependencies"')[0]
    const tools = new Set(['node', 'typescript', '@biomejs/biome', '@types/node'])
    const unused = Object.keys({ ...dependencies, ...devDependencies }).filter(
      (name) => !tools.has(name) && !text.includes(name.replace(/^@types\//, '')),
    )
    expect(unused).toEqual([])
  })

  /**
   * The folder that answers for a package: two levels below gateway's plugin folders, else one or
   * two.
   */
  const folderOf = (file: string): string => {
    const plugin = /^gateway\/(sources|sinks)\/[^/]+/.exec(file)
    if (plugin !== null) return plugin[0]
    if (file === 'gateway/web/page' || file.startsWith('gateway/web/')) return 'gateway/web'
    return dirname(file).split('/').slice(0, 2).join('/')
  }
  const readme = (folder: string): string => {
    const path = `${folder}/README.md`
    if (existsSync(join(root, path))) return read(path)
    const above = `${dirname(folder)}/README.md`
    return existsSync(join(root, above)) ? read(above) : ''
  }
})

describe('words', () => {
  test('no word with a vague meaning names anything', () => {
    expect(
      offences(product, /\b\w*(Device|Manager|Helper|Utils)\b|\b(device|manager|helper|utils)\b/),
    ).toEqual([])
    expect(tracked.filter((file) => /(manager|helper|utils)/i.test(file))).toEqual([])
  })

  test('nothing is left to do in a comment, and nothing is silenced', () => {
    const marks = new RegExp(
      // Only the shape of a table may be kept from the formatter.
      [
        'TO',
        'DO|FIX',
        'ME|X',
        'XX|@ts-',
        'ignore|@ts-',
        'expect-error|biome-',
        'ignore (?!format)',
      ].join(''),
    )
    expect(offences(typescript, marks, false)).toEqual([])
  })

  test('no test is left out or run alone', () => {
    expect(offences(typescript, /\b(describe|test|it)\.(only|todo)\(/)).toEqual([])
  })

  test('no path of one machine', () => {
    const texts = tracked.filter((file) => /\.(ts|md|json|sol|c|h|yml|yaml)$|^\.ci\//.test(file))
    expect(offences(texts, new RegExp('/(wo' + 'rk|home|root|Users)/'), false)).toEqual([])
  })
})

describe('folders', () => {
  test('every source, sink, loop kind and board says in a README what it is', () => {
    const plugins = new Set(
      tracked.flatMap(
        (file) =>
          /^(gateway\/(?:sources|sinks)\/[^/]+|firmware\/(?:boards|loops)\/(?!lib)[^/]+)\//.exec(
            file,
          )?.[1] ?? [],
      ),
    )
    expect([...plugins].filter((folder) => !tracked.includes(`${folder}/README.md`))).toEqual([])
  })
})
