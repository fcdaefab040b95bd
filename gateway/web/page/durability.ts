// Does it last ten times longer? What the life tables of this gateway's units say, against the
// tool that the reader names. It shows the verdict's own words and never says more than they do.
import { html, nothing, type TemplateResult } from 'lit-html'
import { api, type ShownDurability } from './api.ts'
import { number, words } from './format.ts'
import { badge, keepAsking, type Page, shown, type View } from './view.ts'

const questions = {
  reference: ['B10 of the tool to compare with, hours of use', 'such as 20'],
  beta: ['Shape to assume below two failures', 'such as 1.5'],
  failures: ['Failures of one such tool ...', 'such as 0.8'],
  hours: ['... by so many hours of use', 'such as 40'],
} as const
type Question = keyof typeof questions

export const durabilityView = (page: Page): View => {
  // Named by the reader and kept in the view only: no figure of another maker is assumed here.
  const asked: Record<Question, string> = { reference: '', beta: '', failures: '', hours: '' }
  const query = (): string => new URLSearchParams(asked).toString()
  const verdicts = keepAsking(() => api.durability(query()), 15_000, page.redraw)
  const take =
    (name: Question) =>
    (event: Event): void => {
      const { value, validity } = event.target as HTMLInputElement
      if (!validity.valid) return
      asked[name] = value
      verdicts.refresh()
    }
  const field = (name: Question): TemplateResult =>
    html`<label>
      ${questions[name][0]}
      <input
        type="number"
        min="0.01"
        step="any"
        inputmode="decimal"
        placeholder=${questions[name][1]}
        @change=${take(name)}
      />
    </label>`
  return {
    title: 'Durability',
    stop: verdicts.stop,
    template: () =>
      html`<h1>Durability</h1>
        <p class="lead">
          Ages at first failure of the units here, and of those that still run. Units that fell
          silent count at their best and at their worst. Simulated units count for nothing.
        </p>
        <form class="card ask" @submit=${(event: Event) => event.preventDefault()}>
          ${(Object.keys(questions) as Question[]).map(field)}
        </form>
        ${shown(verdicts, (list) => list.map((each) => cohortCard(each, query())))}`,
  }
}

const cohortCard = (verdict: ShownDurability, query: string): TemplateResult => {
  const { cohort, machine, b10, units, failures, silent, confidence } = verdict
  const id = `cohort-${machine}`
  return html`<section class="card" aria-labelledby=${id}>
    <header class="card-head">
      <h2 id=${id}>${cohort.replaceAll('_', ' ')}</h2>
      <p class="badges">
        ${badge(`${units} units`)}
        ${badge(`${failures} failed`, failures > 0 ? 'warning' : 'quiet')}
        ${silent > 0 ? badge(`${silent} silent`, 'warning') : nothing}
      </p>
    </header>
    <p class="verdict">${sentence(verdict.words)}.</p>
    <p class="quiet">
      ${b10 === undefined ? 'No B10 yet: it needs two failures or more.' : b10Text(b10, confidence)}
      ${leftOut(verdict)}
    </p>
    ${
      b10 === undefined
        ? nothing
        : plot(
            api.durabilityPlot(machine, query, 'lives'),
            'Probability plot: share failed by hours of use, fitted line and bounds',
          )
    }
    ${analysis('The whole analysis: survival, models, bounds', verdict.report)}
    ${repairs(verdict, query)} ${partsTable(verdict)}
  </section>`
}

const plot = (source: string, words: string): TemplateResult =>
  html`<img class="plot-image" src=${source} alt=${words} width="860" height="540" />`

const analysis = (title: string, lines: readonly string[]): TemplateResult =>
  html`<details>
    <summary>${title}</summary>
    <pre class="report">${lines.join('\n')}</pre>
  </details>`

/** Units that are repaired and go on: failures at equal hours. */
const repairs = ({ machine, repaired }: ShownDurability, query: string): TemplateResult =>
  html`<h3>Repaired and used on: ${repaired.failures} failures of ${repaired.units} units</h3>
    <p class="verdict repairs">${sentence(repaired.words)}.</p>
    ${
      repaired.failures === 0
        ? nothing
        : plot(
            api.durabilityPlot(machine, query, 'repairs'),
            'Mean number of failures per unit by hours of use, with bounds',
          )
    }
    ${analysis('Failures per unit, trend, power law', repaired.report)}`

const partsTable = ({ parts, confidence }: ShownDurability) => {
  const seen = parts.filter(({ units }) => units > 0)
  if (seen.length === 0) return nothing
  return html`<h3>By part</h3>
    <div class="scroll" tabindex="0" role="region" aria-label="Lives by part">
      <table class="stacked parts">
        <thead>
          <tr>
            <th>Part</th>
            <th>Lives</th>
            <th>Failed</th>
            <th>B10 (${number(confidence * 100, 0)} %)</th>
          </tr>
        </thead>
        <tbody>
          ${seen.map(
            ({ part, units, failures, b10 }) => html`<tr>
              <td data-label="Part">${words(part)}</td>
              <td data-label="Lives">${units}</td>
              <td data-label="Failed">${failures}</td>
              <td data-label="B10">
                ${
                  b10 === undefined
                    ? 'not yet'
                    : `${hours(b10.value)} (${hours(b10.lower)} to ${hours(b10.upper)})`
                }
              </td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`
}

const b10Text = (
  { value, lower, upper }: NonNullable<ShownDurability['b10']>,
  sure: number,
): string =>
  `A tenth has failed by ${hours(value)} of use; ${hours(lower)} to ${hours(upper)} at ` +
  `${number(sure * 100, 0)} % confidence.`

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

const hours = (value: number): string => `${number(value, value < 100 ? 1 : 0)} h`

const leftOut = ({ simulatedLeftOut, unusedLeftOut }: ShownDurability): string => {
  const parts = [
    simulatedLeftOut > 0 ? `${simulatedLeftOut} simulated` : '',
    unusedLeftOut > 0 ? `${unusedLeftOut} not used since this gateway met them` : '',
  ].filter((part) => part !== '')
  return parts.length === 0 ? '' : `Left out: ${parts.join(', ')}.`
}
