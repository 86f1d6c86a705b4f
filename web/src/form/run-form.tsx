import Form, { type IChangeEvent } from '@rjsf/core/lib/components/Form.js';
import type { RJSFSchema, UiSchema } from '@rjsf/utils';
import { Play } from 'lucide-preact';
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { FileWidget } from './file-widget.jsx';
import { FieldTemplate, ObjectFieldTemplate } from './templates.jsx';
import { validator } from './validator.js';
import { CheckboxWidget, NumberWidget, SelectWidget, TextareaWidget, TextWidget } from './widgets.jsx';

type Parameters = Readonly<Record<string, unknown>>;

interface RunFormProps {
  readonly schema: object;
  readonly initial: Parameters;
  readonly isBusy: boolean;
  readonly onRun: (parameters: Parameters) => void;
}

/** Texts that may be this long get more than one line. */
const LONG_TEXT = 300;

const WIDGETS = {
  CheckboxWidget,
  SelectWidget,
  TextareaWidget,
  TextWidget,
  NumberWidget,
  FileKeyWidget: FileWidget,
};
const TEMPLATES = { FieldTemplate, ObjectFieldTemplate };

/** A form made from the JSON Schema of a workflow's parameters. */
export function RunForm({ schema, initial, isBusy, onRun }: RunFormProps): JSX.Element {
  const [data, setData] = useState<Parameters>(initial);
  const uiSchema = useMemo(() => uiOf(schema as RJSFSchema), [schema]);
  return (
    <Form
      schema={withoutHead(schema)}
      uiSchema={uiSchema}
      formData={data}
      validator={validator}
      widgets={WIDGETS}
      templates={TEMPLATES}
      showErrorList={false}
      noHtml5Validate
      focusOnFirstError
      omitExtraData
      idPrefix="parameter"
      onChange={({ formData }: IChangeEvent<Parameters>) => setData(formData ?? {})}
      onError={() => undefined}
      onSubmit={({ formData }: IChangeEvent<Parameters>) => onRun(formData ?? {})}
    >
      <button type="submit" class="btn btn-primary" disabled={isBusy}>
        <Play size={16} aria-hidden="true" />
        {isBusy ? 'Submitting…' : 'Run'}
      </button>
    </Form>
  );
}

/** The view has title and description of the workflow already. */
function withoutHead({
  title: _title,
  description: _description,
  $schema: _dialect,
  ...schema
}: RJSFSchema): RJSFSchema {
  return { type: 'object', ...schema };
}

/** Which widget a field gets beyond those that its type chooses. */
function uiOf({ properties = {} }: RJSFSchema): UiSchema {
  const widgets = Object.entries(properties).flatMap(([name, field]) => {
    const widget = typeof field === 'object' ? widgetOf(field) : undefined;
    return widget === undefined ? [] : [[name, { 'ui:widget': widget }]];
  });
  return Object.fromEntries(widgets) as UiSchema;
}

function widgetOf({ type, format, maxLength = 0, enum: options }: RJSFSchema): string | undefined {
  if (format === 'file') return 'FileKeyWidget';
  if (options !== undefined) return undefined;
  if (type === 'number' || type === 'integer') return 'NumberWidget';
  return type === 'string' && maxLength >= LONG_TEXT ? 'TextareaWidget' : undefined;
}
