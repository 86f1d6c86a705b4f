import type { FieldTemplateProps, ObjectFieldTemplateProps } from '@rjsf/utils';
import type { ComponentChildren, JSX } from 'preact';

/** A field with its name, what it is for, and what is wrong with it. */
export function FieldTemplate(props: FieldTemplateProps): JSX.Element {
  const {
    id,
    label,
    required,
    hidden,
    rawErrors = [],
    rawDescription,
    children,
    schema,
    displayLabel,
  } = props;
  const content = children as ComponentChildren;
  if (hidden) return <div hidden>{content}</div>;
  // Objects and lists name themselves; a checkbox has its name beside it.
  const isSimple = schema.type !== 'object' && schema.type !== 'array' && schema.type !== 'boolean';
  return (
    <div class="mb-5">
      {isSimple && displayLabel !== false && (
        <label for={id} class="mb-1.5 block text-sm font-medium">
          {label}
          {required && <span class="muted font-normal"> (required)</span>}
        </label>
      )}
      {content}
      {isSimple && rawDescription && (
        <p id={`${id}__description`} class="field-hint mt-1">
          {rawDescription}
        </p>
      )}
      {rawErrors.length > 0 && (
        <p id={`${id}__error`} role="alert" class="text-error mt-1 text-sm">
          {rawErrors.join('. ')}
        </p>
      )}
    </div>
  );
}

export function ObjectFieldTemplate({
  title,
  description,
  properties,
  fieldPathId,
}: ObjectFieldTemplateProps): JSX.Element {
  const fields = properties.map(({ name, content }) => <div key={name}>{content as ComponentChildren}</div>);
  if (fieldPathId.path.length === 0)
    return <div>{fields.length > 0 ? fields : <p class="muted mb-5">It takes no parameters.</p>}</div>;
  return (
    <fieldset class="border-base-300 rounded-lg border p-4 pb-0">
      <legend class="px-1 text-sm font-medium">{title}</legend>
      {description && <p class="field-hint mb-3">{description as ComponentChildren}</p>}
      {fields}
    </fieldset>
  );
}
