package jsonb

// MergePatch adds v with a patch laid over it as RFC 7396 says: members of the
// patch replace those of v, null removes them, objects are merged.
func (b *Builder) MergePatch(v, patch Value) {
	if patch.Kind() != Object {
		b.Value(patch)
		return
	}
	b.BeginObject()
	for i := range v.lenIf(Object) {
		if _, replaced := patch.Find(v.Key(i)); !replaced {
			b.Key(v.Key(i))
			b.Value(v.At(i))
		}
	}
	for i := range patch.Len() {
		p := patch.At(i)
		if p.Kind() == Null {
			continue
		}
		b.Key(patch.Key(i))
		old, _ := v.Find(patch.Key(i))
		b.MergePatch(old, p)
	}
	b.End()
}

// MergePreserve adds v and w put together, nothing lost: objects member by
// member, anything else as one array.
func (b *Builder) MergePreserve(v, w Value) {
	if v.Kind() != Object || w.Kind() != Object {
		b.BeginArray()
		for _, x := range [...]Value{v, w} {
			if x.Kind() != Array {
				b.Value(x)
				continue
			}
			for i := range x.Len() {
				b.Value(x.At(i))
			}
		}
		b.End()
		return
	}
	b.BeginObject()
	for i := range v.Len() {
		b.Key(v.Key(i))
		if other, both := w.Find(v.Key(i)); both {
			b.MergePreserve(v.At(i), other)
		} else {
			b.Value(v.At(i))
		}
	}
	for i := range w.Len() {
		if _, both := v.Find(w.Key(i)); !both {
			b.Key(w.Key(i))
			b.Value(w.At(i))
		}
	}
	b.End()
}
