// Where a pointer is within an element, in pixels from its upper left corner.
export function pointerIn(element: Element, event: MouseEvent): { x: number; y: number } {
  const box = element.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}
