// Small parts that several screens share: buttons with words, fields with their faults, dialogs.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { faults } from "../state/draft";
import { Close, Left, Right } from "./icons";

type ButtonProps = JSX.IntrinsicElements["button"] & { label: string; children: ComponentChildren };

/** A button that shows only an icon; its words are its name and its tooltip. */
export function IconButton({ label, children, class: extra = "", ...rest }: ButtonProps) {
  return (
    <button type="button" class={`icon-button ${extra as string}`} aria-label={label} title={label} {...rest}>
      {children}
    </button>
  );
}

/** Two arrows around a name: a change by steps, for those who do not drag. */
export function Stepper({
  name,
  less,
  more,
  onStep,
}: {
  name: string;
  less: string;
  more: string;
  onStep: (direction: -1 | 1) => void;
}) {
  return (
    <span class="stepper" role="group" aria-label={name}>
      <IconButton label={less} onClick={() => onStep(-1)}>
        <Left />
      </IconButton>
      <span aria-hidden="true">{name}</span>
      <IconButton label={more} onClick={() => onStep(1)}>
        <Right />
      </IconButton>
    </span>
  );
}

/** The server's or our own complaint about a field. */
export function Fault({ id, pointer }: { id: string; pointer: string }) {
  const text = faults.value[pointer];
  return text ? (
    <p class="fault" id={id}>
      {text}
    </p>
  ) : null;
}

/** Attributes that tie a field to its fault. */
export function faultProps(pointer: string, id: string) {
  return pointer in faults.value ? { "aria-invalid": true, "aria-describedby": id } : {};
}

/** A labelled field with its fault below. */
export function Field({
  label,
  pointer,
  children,
  hint,
}: {
  label: string;
  pointer: string;
  hint?: string;
  children: (props: { id: string } & Record<string, unknown>) => ComponentChildren;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>
        {label}
        {hint && <span class="hint">{hint}</span>}
      </label>
      {children({ id, ...faultProps(pointer, `${id}-fault`) })}
      <Fault id={`${id}-fault`} pointer={pointer} />
    </div>
  );
}

/** A modal dialog; Esc and the backdrop close it. */
export function Dialog({
  title,
  onClose,
  children,
  wide = false,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  wide?: boolean;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const node = dialog.current!;
    node.showModal();
    return () => node.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "dialog wide" : "dialog"}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => event.target === dialog.current && onClose()}
    >
      <div class="dialog-body">
        <header>
          <h2 id={heading}>{title}</h2>
          <IconButton label="Close" onClick={onClose}>
            <Close />
          </IconButton>
        </header>
        {children}
      </div>
    </dialog>
  );
}

interface NumberProps {
  value: number | null;
  onValue: (value: number) => void;
  id?: string;
  min?: number;
  max?: number;
  step?: number;
  disabled?: boolean;
  "aria-label"?: string;
}

/** A number field that takes its value when it is left or Enter is pressed. */
export function NumberInput({ value, onValue, ...rest }: NumberProps) {
  return (
    <input
      type="number"
      value={value ?? ""}
      {...rest}
      onChange={(event) => {
        const next = event.currentTarget.valueAsNumber;
        if (Number.isFinite(next)) onValue(next);
        else event.currentTarget.value = String(value ?? "");
      }}
    />
  );
}
