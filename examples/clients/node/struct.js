// google.protobuf.Struct, which holds the data of a record, as plain objects.
//
// Loaded from a descriptor set, its map of fields is a list of { key, value }; protobuf.js takes a
// plain object for a Struct without fields.

/** A plain object, of what JSON has, as a Struct. */
export function toStruct(object) {
  return {
    fields: Object.entries(object).map(([key, value]) => ({ key, value: toValue(value) })),
  };
}

/** A Struct as a plain object; one without fields comes as undefined where it is a field itself. */
export function fromStruct(struct) {
  return Object.fromEntries((struct?.fields ?? []).map(({ key, value }) => [key, fromValue(value)]));
}

function toValue(value) {
  if (value === null) return { null_value: 'NULL_VALUE' };
  if (Array.isArray(value)) return { list_value: { values: value.map(toValue) } };
  switch (typeof value) {
    case 'boolean':
      return { bool_value: value };
    case 'number':
      return { number_value: value };
    case 'string':
      return { string_value: value };
    case 'object':
      return { struct_value: toStruct(value) };
    default:
      throw new TypeError(`JSON has no ${typeof value}`);
  }
}

function fromValue(value) {
  if (value.list_value) return (value.list_value.values ?? []).map(fromValue);
  if (value.struct_value) return fromStruct(value.struct_value);
  return value.string_value ?? value.number_value ?? value.bool_value ?? null;
}
