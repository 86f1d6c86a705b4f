import type { WidgetProps } from '@rjsf/utils';
import type { JSX } from 'preact';

/** What a field of the form says of itself to those who do not see it. */
const described = ({ id, rawErrors = [] }: Pick<WidgetProps, 'id' | 'rawErrors'>) => ({
  'aria-describedby': `${id}__description ${id}__error`,
  'aria-invalid': rawErrors.length > 0,
});

const errorClass = (rawErrors: readonly string[] | undefined, name: string): string =>
  rawErrors && rawErrors.length > 0 ? name : '';

export function TextWidget(props: WidgetProps): JSX.Element {
  const { id, value, required, disabled, readonly, schema, rawErrors, onChange } = props;
  return (
    <input
      id={id}
      class={`input w-full max-w-xl ${errorClass(rawErrors, 'input-error')}`}
      type="text"
      value={(value as string | undefined) ?? ''}
      required={required}
      disabled={disabled}
      readOnly={readonly}
      maxLength={schema.maxLength}
      {...described(props)}
      onInput={({ currentTarget }) => onChange(currentTarget.value === '' ? undefined : currentTarget.value)}
    />
  );
}

export function TextareaWidget(props: WidgetProps): JSX.Element {
  const { id, value, required, disabled, rawErrors, onChange } = props;
  return (
    <textarea
      id={id}
      class={`textarea w-full max-w-xl ${errorClass(rawErrors, 'textarea-error')}`}
      rows={4}
      value={(value as string | undefined) ?? ''}
      required={required}
      disabled={disabled}
      {...described(props)}
      onInput={({ currentTarget }) => onChange(currentTarget.value === '' ? undefined : currentTarget.value)}
    />
  );
}

/** Not a number field of the browser, which changes by the wheel and hides what is no number. */
export function NumberWidget(props: WidgetProps): JSX.Element {
  const { id, value, required, disabled, schema, rawErrors, onChange } = props;
  const { minimum, maximum, type } = schema;
  const limits = minimum !== undefined && maximum !== undefined ? `${minimum} to ${maximum}` : undefined;
  return (
    <div class="flex flex-wrap items-center gap-3">
      <input
        id={id}
        class={`input w-44 tabular-nums ${errorClass(rawErrors, 'input-error')}`}
        type="text"
        inputMode={type === 'integer' && (minimum ?? -1) >= 0 ? 'numeric' : 'text'}
        value={value === undefined ? '' : String(value)}
        required={required}
        disabled={disabled}
        {...described(props)}
        onChange={({ currentTarget }) => onChange(numberIn(currentTarget.value))}
      />
      {limits && <span class="muted text-sm">{limits}</span>}
    </div>
  );
}

/** What is not a number stays as it is, so that the form says what is wrong. */
function numberIn(text: string): unknown {
  if (text.trim() === '') return undefined;
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

export function SelectWidget(props: WidgetProps): JSX.Element {
  const { id, value, required, disabled, options, rawErrors, onChange } = props;
  const choices = options.enumOptions ?? [];
  const chosen = choices.findIndex((choice) => choice.value === value);
  return (
    <select
      id={id}
      class={`select w-full max-w-xs ${errorClass(rawErrors, 'select-error')}`}
      value={chosen}
      required={required}
      disabled={disabled}
      {...described(props)}
      onChange={({ currentTarget }) => onChange(choices[Number(currentTarget.value)]?.value)}
    >
      {(chosen === -1 || !required) && <option value={-1}>Choose…</option>}
      {choices.map(({ label }, index) => (
        <option key={label} value={index}>
          {label}
        </option>
      ))}
    </select>
  );
}

export function CheckboxWidget(props: WidgetProps): JSX.Element {
  const { id, value, label, disabled, schema, onChange } = props;
  return (
    <>
      <label class="flex items-center gap-2.5 text-sm font-medium">
        <input
          id={id}
          type="checkbox"
          class="checkbox checkbox-sm checkbox-primary"
          checked={value === true}
          disabled={disabled}
          {...described(props)}
          onChange={({ currentTarget }) => onChange(currentTarget.checked)}
        />
        {label}
      </label>
      {schema.description && (
        <p id={`${id}__description`} class="field-hint mt-1">
          {schema.description}
        </p>
      )}
    </>
  );
}
