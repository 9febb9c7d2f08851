import { describe, expect, it } from 'vitest'
import { Slots } from '../../src/logical/slots.ts'

interface Item {
  readonly name: string
}
const item = (name: string): Item => ({ name })

describe('slots', () => {
  it('hold what was added, in the order of their places, and give a free place again', () => {
    const slots = new Slots<Item>()
    const [a, b, c] = [item('a'), item('b'), item('c')]
    const places = [a, b, c].map((one) => slots.add(one))
    expect(slots.delete(places[1]!, b)).toBe(true)
    const d = item('d')
    expect(slots.add(d)).toBe(places[1])
    expect([slots.all(), slots.size]).toEqual([[a, d, c], 3])
  })

  it('refuse to give up a place for what is not in it, so that who comes later is not lost', () => {
    const slots = new Slots<Item>()
    const [old, young] = [item('old'), item('young')]
    const place = slots.add(old)
    slots.delete(place, old)
    expect(slots.add(young)).toBe(place)
    expect(slots.delete(place, old)).toBe(false)
    expect([slots.has(place, young), slots.has(place, old), slots.size]).toEqual([true, false, 1])
  })

  it('hand out what they held when they were asked, whatever is done with it', () => {
    const slots = new Slots<Item>()
    const places = new Map(['a', 'b', 'c'].map((name) => [name, slots.add(item(name))]))
    const seen = slots.all().map((one) => {
      slots.delete(places.get(one.name)!, one)
      slots.add(item(`${one.name} again`))
      return one.name
    })
    expect(seen).toEqual(['a', 'b', 'c'])
    expect(slots.size).toBe(3)
  })

  it('are as good as new once thousands have come and gone, or all were dropped', () => {
    const slots = new Slots<Item>()
    const many = Array.from({ length: 3_000 }, (_, index) => item(String(index)))
    const places = many.map((one) => slots.add(one))
    many.forEach((one, index) => slots.delete(places[index]!, one))
    expect([slots.size, slots.all(), slots.add(item('first'))]).toEqual([0, [], 0])
    slots.clear()
    expect([slots.size, slots.all(), slots.delete(0, many[0]!)]).toEqual([0, [], false])
  })
})
